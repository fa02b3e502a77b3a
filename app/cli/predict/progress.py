"""The progress of a run, as one line of a terminal that is written again and again."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

_EVERY = 0.1  # seconds
_BAR = 24  # characters
_CLEAR = "\r\x1b[K"


class Progress:
    """Shows how far a run is, where the stream is a terminal, and otherwise nothing.

    total: the number of inputs, where it is known. before: those that need no answer any more.
    stream: by default standard error.
    """

    def __init__(
        self,
        total: int | None,
        before: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._before, self._clock = total, before, clock
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._start = self._latest = clock()

    def show(self, inputs: int, errors: int) -> None:
        """Show that so many inputs have a row, and so many of these an error."""
        now = self._clock()
        if not self._shows or now - self._latest < _EVERY:
            return
        self._latest = now
        rate = (inputs - self._before) / max(now - self._start, 1e-9)
        parts = [self._done(inputs), f"{rate:,.0f}/s"]
        if self._total is not None and rate > 0:
            parts.append(f"{_duration((self._total - inputs) / rate)} left")
        parts += [f"{errors:,} errors"] if errors else []
        print(f"{_CLEAR}{'  '.join(parts)}", end="", file=self._stream, flush=True)

    def close(self) -> None:
        """Remove the line."""
        if self._shows:
            print(_CLEAR, end="", file=self._stream, flush=True)

    def _done(self, inputs: int) -> str:
        if self._total is None:
            return f"{inputs:,} answered"
        full = _BAR * inputs // max(self._total, 1)
        return f"[{'#' * full}{'.' * (_BAR - full)}] {inputs:,} of {self._total:,}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
