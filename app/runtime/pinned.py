"""Page-locked memory for the batches of a GPU, and the one thread that CUDA graphs need."""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

import numpy as np
import onnxruntime

from app.telemetry import event

_thread = ThreadPoolExecutor(1, thread_name_prefix="gpu")  # starts with its first task
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def in_one_thread(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Return `function`, run in the one thread that this process has for CUDA graphs.

    ONNX Runtime keeps captured graphs by thread, and while one thread captures, CUDA refuses to
    allocate memory in any other. A function that runs there must not call another such function:
    it would wait for itself.
    """
    return lambda *args, **kwargs: _thread.submit(function, *args, **kwargs).result()


@in_one_thread
@cache
def pinned_memory() -> Any:
    """Return the `OrtMemoryInfo` of page-locked memory, which a GPU reads by itself, or None.

    ONNX Runtime has it once an allocator for it is registered. Its sessions do not use that one.
    """
    kind = onnxruntime.OrtAllocatorType.ORT_DEVICE_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("CudaPinned", kind, 0, onnxruntime.OrtMemType.CPU_OUTPUT)
    limits = onnxruntime.OrtArenaCfg(0, -1, -1, -1)  # the defaults
    try:
        onnxruntime.create_and_register_allocator_v2("CUDAExecutionProvider", memory, {}, limits)
        _allocate_bytes(1, memory)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        event("no page-locked memory", reason=str(error))
        return None
    return memory


class PinnedBuffers:
    """Arrays in page-locked memory, where batches are stacked for a GPU to copy them from.

    Only stacking right there is faster: the driver copies other arrays to such memory by itself.
    Each thread has its own arrays and uses them again.

    memory: an `OrtMemoryInfo`; the CPU's too, so that tests need no GPU.
    """

    def __init__(self, memory: Any) -> None:
        self._memory = memory
        self._own = threading.local()

    def allocate(self, name: str, shape: Sequence[int], dtype: str) -> np.ndarray:
        """Return an uninitialised array, valid until this thread asks for `name` again."""
        size = math.prod(shape) * np.dtype(dtype).itemsize  # bytes
        held = self._own.__dict__
        if name not in held or len(held[name]) < size:
            held[name] = in_one_thread(_allocate_bytes)(size, self._memory)
        array: np.ndarray = held[name][:size].view(dtype).reshape(shape)
        return array


def _allocate_bytes(size: int, memory: Any) -> np.ndarray:
    """Return `size` bytes of that memory; raise `BufferError` if NumPy would see a copy of it."""
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type((size,), np.uint8, memory_info=memory)
    array: np.ndarray = value.numpy()  # holds the memory
    if array.ctypes.data != value.data_ptr():
        raise BufferError("NumPy does not see the memory itself")
    return array
