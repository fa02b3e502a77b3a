"""What Linux knows of a process: memory, threads, descriptors. A process that ended has none."""

from contextlib import suppress
from pathlib import Path

MEGABYTE = 2**20


def resident(pid: int) -> float:
    """Return the resident memory in MB."""
    return _status(pid, "VmRSS:") / 1024


def peak(pid: int) -> float:
    """Return the largest resident memory since `forget_peak`, in MB."""
    return _status(pid, "VmHWM:") / 1024


def virtual(pid: int) -> float:
    """Return the address space in MB, which RLIMIT_AS bounds."""
    return _status(pid, "VmSize:") / 1024


def forget_peak(pid: int) -> None:
    """Measure `peak` from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def threads(pid: int) -> int:
    """Return the number of threads."""
    return _status(pid, "Threads:")


def descriptors(pid: int) -> int:
    """Return the number of open files and sockets."""
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def children(pid: int) -> list[int]:
    """Return the processes that it has started and that have not been waited for."""
    with suppress(OSError):
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_alive(pid: int) -> bool:
    """Whether the process has not ended; one that nobody has asked about yet has."""
    return _status(pid, "VmRSS:") > 0


def _status(pid: int, key: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0
