"""How many CPUs this process may use, and how many workers serve best."""

import os
import sys
from pathlib import Path

from app.process.gpus import visible_gpus
from app.runtime.providers import Device, cuda_present


def available_cpus(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many CPUs this process may use; ONNX Runtime would count the host's.

    quota: the cgroup's `<microseconds> <period>` or `max <period>`, where there is one.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        share, period = quota.read_text().split()
        return max(1, min(allowed or 1, int(share) // int(period)))
    except (OSError, ValueError):  # no cgroup, or no limit in it
        return allowed or 1


def default_workers(device: Device) -> int:
    """Return how many processes serve best: one a GPU, else one a core.

    A GPU is fed by threads, which decode without Python's lock; two processes would share its
    memory and take turns.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":  # whose libraries do not survive it
        return 1
    if device != "cpu" and cuda_present():
        return max(1, len(visible_gpus()))
    return available_cpus()
