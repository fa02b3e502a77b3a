"""Ending a process that has lost a thread; whoever started it starts another."""

import faulthandler
import logging
import os
import sys

from app.telemetry import event

STATUS = 70  # EX_SOFTWARE of sysexits.h


def give_up(model: str) -> None:
    """Log where every thread stands, and end this process without waiting for any of them."""
    event("a run cannot be ended; this worker ends", logging.CRITICAL, model=model)
    faulthandler.dump_traceback(sys.__stderr__ or sys.stderr, all_threads=True)
    os._exit(STATUS)
