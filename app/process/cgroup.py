"""What a container, a service unit or a job may use: the limits of its control groups (Linux).

A process is in one group of version 2, or in one group for each controller of version 1. A limit of
any ancestor counts too. Inside a container the mounted tree begins at the container's own group,
while /proc may still name its place on the host, so a group that is not found is not an error.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_MOUNT = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")
_NO_LIMIT = 2**60  # bytes; version 1 says 2⁶³ less a page where there is no limit


def cpu_quota(mount: Path = _MOUNT, membership: Path = _SELF) -> float | None:
    """Return how many CPUs' time this process may use, or None without a limit."""
    limits = []
    for group in _groups("cpu", mount, membership):
        with suppress(OSError, ValueError):  # "max", or version 1
            quota, period = (group / "cpu.max").read_text().split()
            limits.append(int(quota) / int(period))
        with suppress(OSError, ValueError):
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
            limits.append(int(quota) / int(period))
    return min((limit for limit in limits if limit > 0), default=None)  # -1 is no limit


def memory_limit(mount: Path = _MOUNT, membership: Path = _SELF) -> int | None:
    """Return how many bytes of memory this process and its neighbours may use together, or None."""
    limits = []
    for group in _groups("memory", mount, membership):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                limits.append(int((group / name).read_text()))
    return min((limit for limit in limits if 0 < limit < _NO_LIMIT), default=None)


def _groups(controller: str, mount: Path, membership: Path) -> Iterator[Path]:
    """Yield the folders in which limits of a controller may be, of both versions."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    for hierarchy in (mount, mount / "unified"):
        yield from _path_to([line[3:] for line in lines if line.startswith("0::")], hierarchy)
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            for name in dict.fromkeys((controllers, controller)):
                yield from _path_to([path], mount / name)
    yield from (mount / controller, mount / "cpu,cpuacct")


def _path_to(paths: list[str], hierarchy: Path) -> Iterator[Path]:
    """Yield the folders of these groups and of their ancestors, as far as they are mounted."""
    yield hierarchy
    for path in paths:
        pure = PurePosixPath(path.lstrip("/"))
        for group in (pure, *pure.parents):
            if ".." not in group.parts:  # outside of this container's namespace
                yield hierarchy / group
