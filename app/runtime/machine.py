"""What sessions need of the machine: its providers, its memory, and ONNX Runtime itself.

Tests pass a `Machine` of their own to go through the code for GPUs on a CPU.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnxruntime

from app.bundle.graph import Graph
from app.errors import InvalidBundle
from app.exhaustion import resource_exhausted
from app.runtime.pinned import pinned_memory
from app.runtime.providers import CPU, Device, Provider, providers_for

_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"

Open = Callable[[Graph, int, Sequence[Provider]], Any]


def open_session(graph: Graph, threads: int, providers: Sequence[Provider]) -> Any:
    """Return an `onnxruntime.InferenceSession`; raise `InvalidBundle` if the graph is bad.

    Raises `MemoryError` where there is not enough memory.

    threads: of one operator on the CPU. providers: the preferred one first.
    """
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
    # Else it would read external data from the working directory; this folder holds nothing.
    options.add_session_config_entry(_EXTERNAL_FOLDER, os.devnull)
    if graph.external:  # it copies what it needs
        names, contents = list(graph.external), list(graph.external.values())
        sizes = [len(content) for content in contents]
        options.add_external_initializers_from_files_in_memory(names, contents, sizes)
    try:
        session = onnxruntime.InferenceSession(graph.model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        if resource_exhausted(error) is not None:
            raise MemoryError(f"ONNX Runtime cannot load the graph: {error}") from error
        raise InvalidBundle(f"ONNX Runtime cannot load the graph: {error}") from error
    session._model_bytes = None  # kept for a fallback that is not wanted
    return session


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, unless a field says otherwise.

    providers: what to ask for on a device, with or without CUDA graphs; raises
    `DeviceUnavailable`. pinned_memory: the `OrtMemoryInfo` of page-locked memory, or None.
    graph_memory: ONNX Runtime's name of the memory where CUDA graphs have their buffers.
    """

    providers: Callable[[Device, bool], list[Provider]] = providers_for
    open_session: Open = open_session
    pinned_memory: Callable[[], Any] = pinned_memory
    graph_memory: str = "cuda"
