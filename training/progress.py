"""Progress of a training on standard output: the library logs it, the command line shows it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Lines(logging.Handler):
    """Prints each record as a line, to whatever standard output is then.

    Ranks that do not lead redirect it, so it is looked up for each line.
    """

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), flush=True)


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
