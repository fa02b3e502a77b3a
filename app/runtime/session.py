"""One graph in ONNX Runtime.

ONNX Runtime falls back to the CPU silently, so the provider is read back from the session and
reported, never assumed.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from onnxruntime import RunOptions

from app.bundle.graph import Graph, graph_of
from app.bundle.tensors import EXPLAIN, Allocate, Arrays, TensorSpec, allocate
from app.errors import DeviceUnavailable, InvalidBundle
from app.runtime.machine import Machine
from app.runtime.pinned import PinnedBuffers, in_one_thread
from app.runtime.providers import CPU, CUDA, Device
from app.runtime.runners import (
    ClosedRunner,
    GpuSessions,
    OneThreadRunner,
    Runner,
    choose_runner,
    warm_up,
)
from app.runtime.signature import Signature

__all__ = ["RunOptions", "Session"]  # any thread may set `terminate`, which ends the runs with it

_THIS_MACHINE = Machine()


class Session:
    """One graph, ready to run. Safe to call from several threads.

    provider: the ONNX Runtime provider that is really in use. allocate: makes the arrays that
    batches are best stacked into, for `collate`.
    """

    def __init__(
        self,
        model: bytes | Graph,
        device: Device = "cpu",
        threads: int = 1,
        cuda_graphs: bool = False,
        machine: Machine = _THIS_MACHINE,
    ) -> None:
        """Open, choose how to run, and warm up.

        model: with its external data, where it has some. threads: of one operator on the CPU.
        cuda_graphs: capture CUDA graphs where that is
        possible; whatever any session runs on the GPU is then run in one thread. Raises
        `InvalidBundle` for a bad graph, `DeviceUnavailable` unless `device` is really used.
        """
        graph = model if isinstance(model, Graph) else graph_of(model, {})
        providers = machine.providers(device, False)
        cuda_graphs = cuda_graphs and providers[0][0] == CUDA
        # Opening and capturing are done in that thread too.
        call: Any = in_one_thread if cuda_graphs else _directly
        self._call = call
        session = call(machine.open_session)(graph, threads, providers)
        self.provider: str = session.get_providers()[0]
        if device != "auto" and self.provider != providers[0][0]:
            raise DeviceUnavailable(
                f"THALAMUS_DEVICE={device}, but the model runs on {self.provider}"
            )
        # Kept even where no runner uses it: freeing it might disturb a capture in another thread.
        self._session: Any = session
        self._signature = Signature(session)
        memory = None if self.provider == CPU else machine.pinned_memory()
        self.allocate: Allocate = PinnedBuffers(memory).allocate if memory else allocate
        sessions = GpuSessions(
            partial(_open_another, machine, graph, threads), cuda_graphs, machine.graph_memory
        )
        runner: Runner = call(choose_runner)(self.provider, session, self._signature, sessions)
        self._runner: Runner = OneThreadRunner(runner) if cuda_graphs else runner
        warm_up(self.run, self.provider, self._signature)

    def run(
        self, arrays: Arrays, *, explain: bool = False, options: Any = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs of the graph for one batch, by name.

        explain: fetch the outputs that only an explanation needs too, if the graph has any.
        options: what `RunOptions()` returns. Raises `InvalidBundle` where ONNX Runtime cannot run
        the graph on these arrays.
        """
        if explain and self._signature.explainable:
            arrays = {**arrays, EXPLAIN: np.array(True)}
        try:
            return self._runner.run(arrays, options)
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise InvalidBundle(f"ONNX Runtime cannot run the graph: {error}") from error

    def close(self) -> None:
        """Free the graph and its memory; a later `run` raises `InvalidBundle`."""
        self._call(self._release)()

    def _release(self) -> None:
        self._session, self._runner = None, ClosedRunner()

    def check(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Raise `InvalidBundle` unless the graph's tensors are those of the manifest."""
        self._signature.check(inputs, outputs)

    def metadata(self) -> dict[str, str]:
        """Return what the graph's author wrote into it, by key."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def tensors(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return the inputs and the outputs; raise `InvalidBundle` as `Signature.tensors` does."""
        return self._signature.tensors()


def _open_another(machine: Machine, graph: Graph, threads: int, capture: bool) -> Any:
    """Return one more session on CUDA; raise `DeviceUnavailable` if it falls back."""
    session = machine.open_session(graph, threads, machine.providers("cuda", capture))
    provider: str = session.get_providers()[0]
    if provider != CUDA:
        raise DeviceUnavailable(f"the model runs on {provider} this time")
    return session


def _directly(function: Any) -> Any:
    return function
