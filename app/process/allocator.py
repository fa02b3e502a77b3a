"""What glibc's allocator must be told; with another C library nothing happens.

ONNX Runtime runs without an arena of its own (see `session`), so each batch takes its
intermediate results from here and gives them back.
"""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT = 2**30  # free bytes at the heap's end that are not given back by themselves
_WHOLE = 2**25  # bytes; what is larger has pages of its own, the most that glibc takes


def use_one_heap() -> None:
    """Let all threads share one heap; to be called before there are any.

    A thread's own heap is given back to the system after every batch and taken anew with the
    next: 700 page faults for one 224×224 picture, a tenth of its time. The shared one too, as
    soon as enough of its end is free; `release_memory` gives it back when nobody asks.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for what, value in (
            (_M_ARENA_MAX, 1),
            (_M_TRIM_THRESHOLD, _KEPT),
            (_M_MMAP_THRESHOLD, _WHOLE),
        ):
            libc.mallopt(what, value)


def release_memory() -> None:
    """Give back to the system what is free, such as what loading took beyond the weights."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
