"""CPUs, GPUs and memory: what the processes of the service may use, and how they share it.

GPUs are found without touching CUDA, which reads the environment once, when it is initialised.
"""

import ctypes
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from app.process.cgroup import cpu_quota, memory_limit
from app.runtime.providers import Device, cuda_present

# Bytes for one worker with the shipped models while it loads (360 MB), what it decodes (384 MB),
# the bodies and batches of its requests, and some more models.
WORKER_MEMORY = 2**30
_UNKNOWN_MEMORY = 2**50
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"  # the environment variable that CUDA reads
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
_TRIM_THRESHOLD = 2**30  # free bytes at the heap's end above which glibc trims it by itself
_MMAP_THRESHOLD = 2**25  # bytes above which an allocation is mapped by itself; glibc's maximum


def available_cpus(quota: Callable[[], float | None] = cpu_quota) -> int:
    """Return how many CPUs this process may use; ONNX Runtime would count the host's.

    quota: returns how many CPUs' time it may use, or None.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, int(quota() or allowed or 1)))


def available_memory(limit: Callable[[], int | None] = memory_limit) -> int:
    """Return how many bytes of memory this process may use: the machine's, or a lower limit."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        physical = _UNKNOWN_MEMORY
    return min(physical, limit() or physical)


def can_fork() -> bool:
    """Whether workers can be forked: the system has `fork`, and its libraries survive it."""
    return hasattr(os, "fork") and sys.platform != "darwin"


def default_workers(device: Device, memory: Callable[[], int] = available_memory) -> int:
    """Return how many processes serve best: one for each GPU, else one for each core.

    A GPU is fed by threads, which decode without Python's lock; two processes would share its
    memory and take turns. On the CPU each needs `WORKER_MEMORY`. memory: returns what there is.
    """
    if not can_fork():
        return 1
    if device != "cpu" and cuda_present():
        return max(1, len(visible_gpus()))
    return max(1, min(available_cpus(), memory() // WORKER_MEMORY))


def visible_gpus(
    environment: MutableMapping[str, str] = os.environ, devices: Path = Path("/dev")
) -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    Empty where there is none, or where the driver has no device node for each (WSL, Jetson).
    """
    if VISIBLE_GPUS in environment:
        names = (name.strip() for name in environment[VISIBLE_GPUS].split(","))
        return list(takewhile(lambda name: name not in ("", "-1"), names))  # CUDA stops there too
    nodes = [node for node in devices.glob("nvidia*") if re.fullmatch(r"nvidia\d+", node.name)]
    return [str(index) for index in range(len(nodes))]  # CUDA counts what it sees from 0


def pin_to_gpu(index: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let CUDA see one of the visible GPUs: number `index`, modulo their count."""
    if gpus := visible_gpus(environment):
        environment[VISIBLE_GPUS] = gpus[index % len(gpus)]


def use_one_heap() -> None:
    """Let all threads share one malloc arena; call it before any thread is started.

    ONNX Runtime runs without an arena of its own (see `app.runtime.machine`), so each batch takes
    its intermediate results from malloc. A thread's own arena is returned to the system after every
    batch and mapped again for the next: 700 page faults for a 224×224 picture, a tenth of its time.
    The shared one would be too, as soon as enough of its end is free, so its threshold is raised;
    `release_memory` returns it. With another C library than glibc nothing happens.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in (
            (_M_ARENA_MAX, 1),
            (_M_TRIM_THRESHOLD, _TRIM_THRESHOLD),
            (_M_MMAP_THRESHOLD, _MMAP_THRESHOLD),
        ):
            libc.mallopt(option, value)


def release_memory() -> None:
    """Return free heap memory to the system, such as what loading took beyond the weights."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
