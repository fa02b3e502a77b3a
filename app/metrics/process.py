"""What this process uses: memory, processor time, file descriptors.

Linux only; elsewhere, and where a file cannot be read (no descriptor is free), values are missing.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.metrics import families
from app.metrics.families import Family
from app.process_stat import RESIDENT_PAGES, START_TICKS, process_stat


class ProcessUsage:
    """What this process uses. Construct it in the process itself, not before a fork."""

    def __init__(self) -> None:
        self._start = time.time()
        with suppress(OSError, ValueError, IndexError, AttributeError):
            uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
            self._start += int(process_stat()[START_TICKS]) / os.sysconf("SC_CLK_TCK") - uptime

    def read(self) -> Iterator[tuple[Family, float]]:
        """Give every metric that can be read, with its value."""
        used = os.times()
        yield families.CPU_SECONDS, used.user + used.system
        yield families.START_TIME, self._start
        with suppress(ImportError, OSError, ValueError):
            import resource

            yield families.MAX_FDS, float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        with suppress(OSError, ValueError, IndexError):
            yield (
                families.MEMORY,
                int(process_stat()[RESIDENT_PAGES]) * float(os.sysconf("SC_PAGE_SIZE")),
            )
        with suppress(OSError):
            folder = Path("/proc/self/fd")
            # Since Linux 6.2 the size is the number; to count thousands would take milliseconds.
            yield (
                families.OPEN_FDS,
                float(folder.stat().st_size or sum(1 for _ in folder.iterdir())),
            )
