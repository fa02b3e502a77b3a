"""What Linux's prctl(2) sets of this process; on another system nothing happens."""

import ctypes
import sys
from contextlib import suppress

_SET_DEATH_SIGNAL, _SET_NAME = 1, 15  # prctl.h


def signal_at_end_of_parent(number: int) -> None:
    """Let the system send this process a signal when its parent has ended."""
    _prctl(_SET_DEATH_SIGNAL, number)


def name_process(name: str) -> None:
    """Give this process the name that `ps` shows."""
    _prctl(_SET_NAME, name.encode())


def _prctl(option: int, value: int | bytes) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
