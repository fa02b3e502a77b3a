"""What a GPU wants of its process: batches in page-locked memory, and one thread for some things.

`memory` may be the CPU's, so that tests need no GPU.
"""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

import numpy as np
import onnxruntime

from app.telemetry import event

_thread = ThreadPoolExecutor(1, thread_name_prefix="gpu")  # begins with its first task
Given = ParamSpec("Given")
Result = TypeVar("Result")


def in_one_thread(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return `work`, done in the one thread that this process has for such; not to be nested.

    ONNX Runtime keeps captured graphs by thread, and while one thread captures, CUDA refuses
    to allocate memory in any other.
    """
    return lambda *args, **kwargs: _thread.submit(work, *args, **kwargs).result()


@in_one_thread
@cache
def page_locked() -> Any:
    """Return the `OrtMemoryInfo` of memory that a GPU reads by itself; None: there is none.

    ONNX Runtime has it once an allocator for it is registered. Sessions keep to their own.
    """
    kind = onnxruntime.OrtAllocatorType.ORT_DEVICE_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("CudaPinned", kind, 0, onnxruntime.OrtMemType.CPU_OUTPUT)
    limits = onnxruntime.OrtArenaCfg(0, -1, -1, -1)  # the defaults
    try:
        onnxruntime.create_and_register_allocator_v2("CUDAExecutionProvider", memory, {}, limits)
        _bytes(1, memory)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        event("no page-locked memory", reason=str(error))
        return None
    return memory


class Staging:
    """Where batches are put together for a GPU to copy them from: in `memory`, page-locked.

    Only what is stacked there right away is faster: the driver copies other arrays to such
    memory by itself. Each thread has its own arrays, and uses them again.
    """

    def __init__(self, memory: Any) -> None:
        self._memory = memory
        self._own = threading.local()

    def empty(self, name: str, shape: Sequence[int], dtype: str) -> np.ndarray:
        """Return an array, not initialised, good until this thread asks for `name` again."""
        size = math.prod(shape) * np.dtype(dtype).itemsize  # bytes
        held = self._own.__dict__
        if name not in held or len(held[name]) < size:
            held[name] = in_one_thread(_bytes)(size, self._memory)
        array: np.ndarray = held[name][:size].view(dtype).reshape(shape)
        return array


def _bytes(size: int, memory: Any) -> np.ndarray:
    """Return `size` bytes of that memory; raise `BufferError` if NumPy would see a copy of it."""
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type((size,), np.uint8, memory_info=memory)
    array: np.ndarray = value.numpy()  # holds the memory
    if array.ctypes.data != value.data_ptr():
        raise BufferError("NumPy does not see the memory itself")
    return array
