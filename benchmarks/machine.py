"""The use of the processors by process, and a description of the machine, from Linux's /proc."""

import ctypes
import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second
PAGE = os.sysconf("SC_PAGE_SIZE")
AHEAD = "-20"
_CHILD_SUBREAPER = 36  # prctl's number


@contextmanager
def priority() -> Iterator[None]:
    """Raise the priority of this session if the kernel groups processes by session; needs root.

    With such groups a nice value has no effect on other sessions, so that another program at
    nice 19 would get half of the processors. Errors are ignored.
    """
    group = Path("/proc/self/autogroup")
    try:
        group.write_text(AHEAD)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        group.write_text("0")


def prefer(root: int) -> None:
    """Raise the priority of a server whose processes are sessions of their own; ignore errors."""
    own = Path("/proc/self/autogroup").read_text().split()[-1]
    for pid in tree(root):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(own)
        except OSError:
            continue


def command_line(pid: int) -> bytes:
    """Return the words of a process, each with a 0 behind it; nothing of one that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def signal_tree(root: int, number: int) -> None:
    """Signal a process and its descendants."""
    for pid in tree(root):
        with suppress(ProcessLookupError):  # it ended
            os.kill(pid, number)


def with_environment(name: str, value: str) -> list[int]:
    """Return the processes that were started with this variable, but for this one."""
    wanted, found = f"{name}={value}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended, or is another user's
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def end_descendants() -> None:
    """End all remaining descendants of this process."""
    for pid in tree(os.getpid())[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Usage:
    """Processor seconds used since boot: by all processes, and by one tree of processes."""

    all: float
    ours: float


def adopt_orphans() -> None:
    """Become the parent of daemons that children start, to count and to end them."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def usage() -> Usage:
    """Return the usage until now: of all processes, and of this one with its descendants."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(None, 9)[1:9]
    )
    everybody = user + nice + system + irq + softirq + steal
    return Usage(everybody / TICKS, cpu(os.getpid()))


class Watch:
    """Measures from its construction on how much other processes and the hypervisor use."""

    def __init__(self) -> None:
        self._since, self._usage = time.monotonic(), usage()

    def foreign(self) -> float:
        """Return the share of other processes in all processor time, 0..1."""
        now, seconds = usage(), time.monotonic() - self._since
        others = (now.all - self._usage.all) - (now.ours - self._usage.ours)
        return max(0.0, others) / (seconds * len(os.sched_getaffinity(0)))


def cpu(root: int) -> float:
    """Return the processor seconds of a process, its descendants and the children it outlived."""
    ticks = 0
    for pid in tree(root):
        fields = _stat(pid)
        ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / TICKS


def awake(root: int) -> float:
    """Return the seconds for which its threads and its descendants' ran, to the nanosecond.

    Unlike `cpu` it sees runs shorter than a clock tick, but not threads that have ended.
    """
    total = 0
    for pid in tree(root):
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # it ended
                total += int(task.read_text().split()[0])
    return total / 1e9


def memory(root: int) -> int:
    """Return the bytes of a process and its descendants, shared pages counted once (PSS)."""
    total = 0
    for pid in tree(root):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it ended
            continue
        total += next(int(row.split()[1]) for row in rollup.splitlines() if row[:4] == "Pss:")
    return total * 1024


def tree(root: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str] | None:
    """Return the fields after the name, which may itself hold spaces and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def describe() -> str:
    """Name the processor, the cores, the memory and the system."""
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((r.partition(":")[2].strip() for r in rows if r.startswith("model name")), "?")
    total = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{model}, {cores} cores, {total:.0f} GiB, {platform.system()}, Python {python}"
