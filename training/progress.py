"""Progress of a training on standard output: the library logs it, the command line shows it."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Lines(logging.Handler):
    """Prints each record as a line, to whatever standard output is then.

    Ranks that do not lead redirect it, so it is looked up for each line.
    """

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), flush=True)


EVERY = 8.0  # seconds between two lines on work that takes long


class Progress:
    """Logs how much of some work is done, at most every `EVERY` seconds.

    line: has two places for numbers, of what is done and of all.
    """

    def __init__(self, log: logging.Logger, line: str, total: int) -> None:
        self._log, self._line, self._total = log, line, total
        self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """Log a line if it is time for one."""
        now = time.monotonic()
        if now - self._said >= EVERY and done < self._total:
            self._said = now
            self._log.info(self._line, done, self._total)


@contextmanager
def shown() -> Iterator[None]:
    """Print what `training` logs at level INFO or above while the context lasts."""
    logger, handler = logging.getLogger("training"), _Lines(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
