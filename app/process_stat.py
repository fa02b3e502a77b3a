"""What Linux's /proc/PID/stat says of a process, see proc_pid_stat(5)."""

from pathlib import Path

# Places in what `process_stat` returns.
STATE, USER_TICKS, SYSTEM_TICKS, START_TICKS, RESIDENT_PAGES = 0, 11, 12, 19, 21


def process_stat(pid: int | str = "self") -> list[str]:
    """Return the fields that follow the name of the program, which may hold spaces.

    Raises `OSError` where there is no such process, and where the system has no such file.
    """
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
