"""What glibc's allocator must be told; with another C library nothing happens.

ONNX Runtime runs without an arena of its own (see `session`), so each batch takes its
intermediate results from here and gives them back.
"""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h


def use_one_heap() -> None:
    """Let all threads share one heap; to be called before there are any.

    A thread's own heap is given back to the system after every batch and taken anew with the
    next: 700 page faults for one 224×224 picture, a tenth of its time.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def release_memory() -> None:
    """Give back to the system what is free, such as what loading took beyond the weights."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
