"""A fake machine with a GPU: its sessions run on the CPU and claim another provider."""

import threading
from collections.abc import Sequence

import onnxruntime

from app.bundle.graph import Graph
from app.runtime.machine import Machine
from app.runtime.providers import CPU, CUDA, Device, Provider, choose_providers


class FakeGpu:
    """Records every session that is opened, the batch sizes that each runs, and the threads.

    provider: the one that the sessions claim; `later`: the one that all but the first claim.
    graph_memory: "cpu" lets "CUDA graphs" be captured; "cuda" fails, as there is no such memory.
    """

    def __init__(
        self, provider: str = CUDA, later: str | None = None, graph_memory: str = "cpu"
    ) -> None:
        self.provider, self.later = provider, later or provider
        self.sessions: list[FakeSession] = []
        self.threads: set[int] = set()
        self.machine = Machine(self.providers, self.open_session, lambda: None, graph_memory)

    def providers(self, device: Device, graphs: bool = False) -> list[Provider]:
        return choose_providers(device, cuda=True, tensorrt=True, graphs=graphs)

    def open_session(self, graph: Graph, threads: int, providers: Sequence[Provider]):
        captures = "enable_cuda_graph" in providers[0][1]
        provider = self.later if self.sessions else self.provider
        session = FakeSession(
            onnxruntime.InferenceSession(graph.model), provider, captures, self.threads
        )
        self.sessions.append(session)
        return session

    @property
    def captures(self) -> list[bool]:
        """Whether each session was opened to capture a CUDA graph."""
        return [session.captures for session in self.sessions]

    @property
    def sizes(self) -> list[list[int]]:
        """The batch sizes that each session has run, in order."""
        return [session.sizes for session in self.sessions]


class FakeSession:
    """A session on the CPU that claims another provider."""

    def __init__(
        self,
        real: onnxruntime.InferenceSession,
        provider: str = CUDA,
        captures: bool = False,
        threads: set[int] | None = None,
    ) -> None:
        self.real, self.provider, self.captures = real, provider, captures
        self.sizes: list[int] = []
        self.threads = set() if threads is None else threads

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def get_providers(self) -> list[str]:
        return [self.provider, CPU]

    def run_with_iobinding(self, binding, options=None) -> None:
        self.threads.add(threading.get_ident())
        self.real.run_with_iobinding(binding, options)
        self.sizes += [value.shape()[0] for value in binding.get_outputs()[:1]]
