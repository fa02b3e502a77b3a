"""One graph in ONNX Runtime, which is imported in this folder only.

ONNX Runtime falls back to the CPU silently, so the provider is read back from the session and
reported, never assumed. On a GPU the inputs and outputs go through IO binding, which keeps ONNX
Runtime from copying them more than once, and each size of batch has a session of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime

from app.bundle.tensors import EXPLAIN, FOREST, SALIENCY, DType, TensorSpec, allocate, size_of
from app.errors import DeviceUnavailable, InvalidBundle
from app.runtime.cuda_graph import Captured
from app.runtime.per_size import SIZES, Run, Sized
from app.runtime.pinned import Staging, in_one_thread, page_locked
from app.runtime.providers import CPU, CUDA, TENSORRT, Device, cuda_present, providers_for
from app.telemetry import event

_ONNX_TYPES: dict[DType, str] = {
    "uint8": "tensor(uint8)",
    "int16": "tensor(int16)",
    "int64": "tensor(int64)",
    "float32": "tensor(float)",
}
# Sizes of batch whose first run costs much: cuDNN plans for each (0.4 to 1.2 s on an H100, where
# the next run takes 1 to 4 ms); TensorRT builds an engine for the range that it has seen.
_PREPARED: Mapping[str, Sequence[int]] = {CUDA: SIZES, TENSORRT: (SIZES[-1], SIZES[0])}


class Session:
    """One graph, ready to run. Safe to call from several threads.

    cuda_graphs: capture CUDA graphs where that can be done, else say so and go on without.
    Whatever any session runs on the GPU is then run in one thread.
    """

    def __init__(
        self, model: bytes, device: Device = "cpu", threads: int = 1, cuda_graphs: bool = False
    ) -> None:
        graphs = cuda_graphs and device in ("auto", "cuda") and cuda_present()
        alone: Any = in_one_thread if graphs else _at_once
        providers = providers_for(device)
        self._session = alone(_open)(model, threads, providers)
        self.provider: str = self._session.get_providers()[0]
        if device != "auto" and self.provider != providers[0][0]:
            raise DeviceUnavailable(
                f"THALAMUS_DEVICE={device}, but the model runs on {self.provider}"
            )
        defaults = self._session.get_overridable_initializers()
        self._on_demand = any(value.name == EXPLAIN for value in defaults)
        self._outputs = [output.name for output in self._session.get_outputs()]
        # What is fetched costs a microsecond, even where it is empty.
        empty = SALIENCY if self._on_demand else None
        self._unasked = [name for name in self._outputs if name != empty]
        memory = None if self.provider == CPU else page_locked()
        self.empty = Staging(memory).empty if memory else allocate  # for `collate`
        run: Run = self._run_plain
        if self.provider != CPU:
            run = partial(_bound, self._session, self._unasked)
        if self.provider == CUDA and self._has_sizes():
            run = alone(self._sized)(partial(_open, model, threads), graphs)
        elif self.provider == CUDA and graphs:
            event("no CUDA graphs", reason="sizes other than the batch's are free")
        self._run = alone(run)
        self._prepare(_PREPARED.get(self.provider, ()))

    def run(
        self, arrays: Mapping[str, np.ndarray], *, explain: bool = False
    ) -> dict[str, np.ndarray]:
        """Return the outputs of the graph for this batch.

        explain: have the graph compute what it computes on demand only, if there is any; else
        that is left out.
        """
        if explain and self._on_demand:
            arrays = {**arrays, EXPLAIN: np.array(True)}
        try:
            return dict(zip(self._fetched(arrays), self._run(arrays), strict=True))
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise InvalidBundle(f"ONNX Runtime cannot run the graph: {error}") from error

    def check(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Raise `InvalidBundle` unless the graph's tensors are those of the manifest."""
        for specs, nodes in (
            (inputs, self._session.get_inputs()),
            (outputs, self._session.get_outputs()),
        ):
            declared = {spec.name: (_ONNX_TYPES[spec.dtype], _sizes(spec.shape)) for spec in specs}
            actual = {node.name: (node.type, _sizes(node.shape)) for node in nodes}
            if declared != actual:
                raise InvalidBundle(f"the manifest says {declared}, the graph has {actual}")

    def tensors(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return the graph's inputs and outputs; raise `InvalidBundle` for other kinds."""
        names = {onnx_type: name for name, onnx_type in _ONNX_TYPES.items()}
        found = []
        for node in (*self._session.get_inputs(), *self._session.get_outputs()):
            if node.type not in names:
                raise InvalidBundle(f"{node.name!r} is {node.type}; taken are {', '.join(names)}")
            if not node.shape or isinstance(node.shape[0], int):
                raise InvalidBundle(
                    f"{node.name!r} has a fixed first axis; export with a free batch axis"
                )
            shape = ("batch", *(size if size else "free" for size in node.shape[1:]))
            found.append(TensorSpec(name=node.name, dtype=names[node.type], shape=shape))
        count = len(self._session.get_inputs())
        return tuple(found[:count]), tuple(found[count:])

    def _has_sizes(self) -> bool:
        """Say whether nothing in the inputs is free but the size of a batch."""
        return not self._joins_trees() and size_of(self.tensors()[0]) is None

    def _sized(self, anew: Callable[[Any], Any], graphs: bool, place: str = "cuda") -> Run:
        """Return what runs batches of each size in a session of its own, in graphs if it can be."""
        inputs, outputs = self.tensors()
        if graphs and not self._on_demand and size_of(outputs) is None:
            try:
                return Sized(
                    lambda size: (
                        Captured(self._another(anew, graphs), size, inputs, outputs, place).run
                    )
                ).run
            except Exception as error:  # as above
                event("no CUDA graphs", reason=str(error))
        elif graphs:
            event("no CUDA graphs", reason="sizes other than the batch's are free")
        return Sized(lambda _: partial(_bound, self._another(anew, False), self._unasked)).run

    def _another(self, anew: Callable[[Any], Any], graphs: bool) -> Any:
        session = anew(providers_for("cuda", graphs))
        if session.get_providers()[0] != self.provider:  # ONNX Runtime has fallen back
            raise DeviceUnavailable(f"the model runs on {session.get_providers()[0]} this time")
        return session

    def _prepare(self, sizes: Sequence[int]) -> None:
        """Run batches of these sizes, so that no request waits for what their first run costs."""
        if sizes and self._has_sizes():
            inputs, _ = self.tensors()
            for size in sizes:
                self.run(
                    {s.name: np.zeros((size, *map(int, s.shape[1:])), s.dtype) for s in inputs}
                )

    def _joins_trees(self) -> bool:
        """Say whether the inputs are a forest, whose sizes are several even for one batch."""
        return any(node.shape[0] in FOREST for node in self._session.get_inputs() if node.shape)

    def _run_plain(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        results: list[np.ndarray] = self._session.run(self._fetched(arrays), dict(arrays))
        return results

    def _fetched(self, arrays: Mapping[str, np.ndarray]) -> Sequence[str]:
        return self._outputs if EXPLAIN in arrays else self._unasked


def _bound(
    session: Any, unasked: Sequence[str], arrays: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """Run a session on a device, with nothing copied more than once."""
    if EXPLAIN in arrays:  # ONNX Runtime cannot bind an input that has a default
        told: list[np.ndarray] = session.run(None, dict(arrays))
        return told
    binding = session.io_binding()
    for name, array in arrays.items():
        binding.bind_cpu_input(name, array)
    for name in unasked:
        binding.bind_output(name, "cpu")
    session.run_with_iobinding(binding)
    results: list[np.ndarray] = binding.copy_outputs_to_cpu()
    return results


def _sizes(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """Return the fixed sizes of a shape, None where an axis is free."""
    return tuple(size if isinstance(size, int) else None for size in shape)


def _at_once(work: Any) -> Any:
    return work


def _open(model: bytes, threads: int, providers: Sequence[Any]) -> Any:
    """Return ONNX Runtime's session; raise `InvalidBundle`."""
    if providers[0][0] != CPU:
        onnxruntime.preload_dlls()  # CUDA's and cuDNN's, from NVIDIA's wheels
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # by default it counts the host's, not ours
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena would keep the memory of the largest batch ever seen, and twice the weights'
    # for what it grows by; without it batches of the sizes that pay take no longer.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # as above
        raise InvalidBundle(f"ONNX Runtime cannot load the graph: {error}") from error
    session._model_bytes = None  # kept for a fallback that is not wanted
    return session
