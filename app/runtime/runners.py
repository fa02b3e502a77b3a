"""The ways to run a batch, and the one function that chooses among them.

A runner owns its sessions. What it needs besides the batch (output names, buffers) it gets when it
is made, so that a run is a single call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from app.bundle.tensors import EXPLAIN, Arrays
from app.runtime.cuda_graph import CudaGraphRunner
from app.runtime.pinned import in_one_thread
from app.runtime.providers import CPU, CUDA, TENSORRT
from app.runtime.signature import Signature
from app.telemetry import event

SIZES = (1, 2, 4, 8, 16, 32)  # of the batches that have a session of their own on a GPU, in items
# Batch sizes to run before the first request. The first run of a size is slow: cuDNN plans for each
# (0.4 to 1.2 s on an H100, where the next run takes 1 to 4 ms); TensorRT builds an engine for the
# range of sizes that it has seen.
WARM_UP_SIZES: Mapping[str, Sequence[int]] = {CUDA: SIZES, TENSORRT: (SIZES[-1], SIZES[0])}


class Runner(Protocol):
    """Runs one batch; the answer has every output of the graph that was asked for, by name.

    options: ONNX Runtime's `RunOptions`, whose `terminate` ends the run; None: the defaults.
    """

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return the outputs for these inputs. Raises what ONNX Runtime raises."""
        ...


class CpuRunner:
    """Runs a session on NumPy's own memory."""

    def __init__(self, session: Any, signature: Signature) -> None:
        self._session = session
        self._outputs, self._default_outputs = signature.outputs, signature.default_outputs

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return the outputs; those of an explanation if `EXPLAIN` is among the inputs."""
        names = self._outputs if EXPLAIN in arrays else self._default_outputs
        return dict(zip(names, self._session.run(names, dict(arrays), options), strict=True))


class BoundRunner:
    """Runs a session on a device with IO binding, which copies nothing more than once."""

    def __init__(self, session: Any, signature: Signature) -> None:
        self._session, self._outputs = session, signature.default_outputs
        self._unbound = CpuRunner(session, signature)

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return the outputs, in ordinary memory; those of an explanation as `CpuRunner` does."""
        if EXPLAIN in arrays:  # ONNX Runtime cannot bind an input that has a default value
            return self._unbound.run(arrays, options)
        binding = self._session.io_binding()
        for name, array in arrays.items():
            binding.bind_cpu_input(name, array)
        for name in self._outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding, options)
        return dict(zip(self._outputs, binding.copy_outputs_to_cpu(), strict=True))


class PerSizeRunner:
    """Runs batches of each of `SIZES` by a runner that never sees another size.

    ONNX Runtime's convolutions keep cuDNN's plan for the last shape only (`CudnnConvState`): when
    the batch size changes, each convolution makes a new plan, and most likely the kernels of its
    old plan are freed, to which a CUDA graph captured with them still points.

    make: returns the runner for batches of one size.
    """

    def __init__(self, make: Callable[[int], Runner]) -> None:
        self._runners = {size: make(size) for size in SIZES}

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return the outputs, one row for each row of the inputs.

        A batch is padded to the next size, one that is larger than all of them is divided. Scalars
        are given to every part.
        """
        count = min(len(array) for array in arrays.values() if array.ndim)
        parts = []
        for start in range(0, count, SIZES[-1]):
            rows = min(count - start, SIZES[-1])
            size = next(size for size in SIZES if size >= rows)
            part = {
                name: pad_batch(array[start : start + rows], size) if array.ndim else array
                for name, array in arrays.items()
            }
            outputs = self._runners[size].run(part, options)
            parts.append({name: output[:rows] for name, output in outputs.items()})
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class OneThreadRunner:
    """Runs another runner in the one thread of this process that uses CUDA graphs."""

    def __init__(self, runner: Runner) -> None:
        self._run = in_one_thread(runner.run)

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return what the other runner returns, and raise what it raises."""
        return self._run(arrays, options)


class ClosedRunner:
    """Takes the place of the runner of a session that was closed, and runs nothing."""

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Raise `RuntimeError`."""
        raise RuntimeError("the session is closed")


@dataclass(frozen=True, slots=True)
class GpuSessions:
    """How to open more sessions of one graph on a GPU.

    open: returns a session, with its CUDA graph being captured or without. cuda_graphs: whether
    they are wanted. graph_memory: where CUDA graphs have their buffers.
    """

    open: Callable[[bool], Any]
    cuda_graphs: bool = False
    graph_memory: str = "cuda"


def choose_runner(
    provider: str, session: Any, signature: Signature, sessions: GpuSessions
) -> Runner:
    """Return how batches are run on the provider that `session` really uses.

    On the CPU, plainly. On a GPU with IO binding; on CUDA, where only the batch size varies, with
    a session for each of `SIZES`, captured as CUDA graphs if these are wanted and possible. Where
    they are wanted and not possible, the log says why.
    """
    if provider == CPU:
        return CpuRunner(session, signature)
    if provider != CUDA or not signature.has_fixed_inputs():
        if provider == CUDA and sessions.cuda_graphs:
            event("no CUDA graphs", reason="an axis other than the batch's is dynamic")
        return BoundRunner(session, signature)
    if sessions.cuda_graphs and (captured := _captured(signature, sessions)):
        return captured
    return PerSizeRunner(lambda _: BoundRunner(sessions.open(False), signature))


def warm_up(run: Callable[[Arrays], Any], provider: str, signature: Signature) -> None:
    """Run batches of zeros of `WARM_UP_SIZES`, so that no request waits for a slow first run."""
    sizes = WARM_UP_SIZES.get(provider, ())
    if sizes and signature.has_fixed_inputs():
        inputs, _ = signature.tensors()
        for size in sizes:
            run({s.name: np.zeros((size, *map(int, s.shape[1:])), s.dtype) for s in inputs})


def pad_batch(array: np.ndarray, size: int) -> np.ndarray:
    """Return `size` rows: those of `array`, then copies of its last."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _captured(signature: Signature, sessions: GpuSessions) -> Runner | None:
    """Return a runner of CUDA graphs; None, with a line in the log, where that is impossible."""
    if not signature.has_fixed_outputs():
        event("no CUDA graphs", reason="an axis other than the batch's is dynamic")
        return None
    inputs, outputs = signature.tensors()
    try:
        return PerSizeRunner(
            lambda size: CudaGraphRunner(
                sessions.open(True), size, inputs, outputs, sessions.graph_memory
            )
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        event("no CUDA graphs", reason=str(error))
        return None
