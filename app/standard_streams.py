"""Standard input, output and error of a process whose parent has closed them."""

import os
import sys


def open_closed_streams() -> None:
    """Put an empty stream in the place of each one that is closed.

    Otherwise it is None, and a file that is opened later gets its number, into which libraries
    write their messages. What is written to an output that was closed is refused, as the system
    refuses it.
    """
    for name, mode, flags in (
        ("stdin", "r", os.O_RDONLY),
        ("stdout", "w", os.O_RDONLY),  # so that what is written is not lost silently
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode))  # noqa: PTH123, SIM115
