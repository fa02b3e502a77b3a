"""The log's line of a request.

An error is one that somebody must look at: 500. Refusals for the sake of the service (503, 504) are
warnings; what the client can correct, and a probe that is answered no, are neither.

In an overload the service refuses some thousand requests a second, and so it does with those of
clients without a key or above their quota. A line for each would cost it answers and hide the rest
of the log, so of the refusals of one second only the first `LINES` have lines; one more line says
how many others there were. (The metrics count every one.)
"""

import asyncio
import logging

from starlette.types import Scope

from app.telemetry import PROBE, RequestRecord, event

LINES = 10  # of refusals, in one second
_REFUSED = (401, 403, 429, 503, 504)


class RequestLog:
    """Writes failed requests into the log. log_all: and all others. One event loop owns it."""

    def __init__(self, log_all: bool) -> None:
        self._all = log_all
        self._refusals = 0  # of this second
        self._counting = False  # whether the end of this second is awaited

    def write(self, scope: Scope, record: RequestRecord, status: int, seconds: float) -> None:
        """Log a finished request, or count it."""
        if not self._all and (status < 400 or record.operation == PROBE):
            return
        if status in _REFUSED and not self._all and self._is_one_too_many():
            return
        event(
            "request",
            _level(record, status),
            method=scope["method"],
            path=scope["path"][:200],
            status=status,
            milliseconds=round(1e3 * seconds, 2),
            request_id=scope["request_id"],
            **{name: value for name, value in _fields(record).items() if value},
        )

    def _is_one_too_many(self) -> bool:
        self._refusals += 1
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_later(1, self._end_second)
        return self._refusals > LINES

    def _end_second(self) -> None:
        if (more := self._refusals - LINES) > 0:
            event("more refusals", logging.WARNING, requests=more)
        self._refusals, self._counting = 0, False


def _level(record: RequestRecord, status: int) -> int:
    if status < 500 or record.operation == PROBE:
        return logging.INFO
    return logging.ERROR if status == 500 else logging.WARNING


def _fields(record: RequestRecord) -> dict[str, object]:
    """Return what is known about a request; what is unknown is empty."""
    return {
        "operation": record.operation,
        "model": record.model,
        "version": record.version,
        "key": record.key,
        "items": record.items,
        "stages": record.timings and record.timings.milliseconds(),
        "reason": record.reason,
        "detail": record.detail,
    }
