"""What is noted about a request, its timings included; and the log: JSON lines on stderr."""

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

log = logging.getLogger("thalamus")

STAGES = ("queue", "encode", "infer")  # of a request, in their order
PROBE, OTHER = "probe", "other"  # operations of requests that no task answers


class Timings:
    """Seconds spent in each stage of one request, counted from the construction."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._latest = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End `stage`, which began when the one before it ended."""
        now = time.perf_counter()
        self.stages[stage] = now - self._latest
        self._latest = now

    def waited(self, work: "Timings") -> None:
        """End a wait for `work`: add its stages, and the rest of the time as the stage `queue`."""
        self.lap("queue")
        self.stages["queue"] = max(0.0, self.stages["queue"] - sum(work.stages.values()))
        self.stages |= work.stages

    def add(self, work: "Timings") -> None:
        """Add the stages of one of several pieces of work."""
        for stage, spent in work.stages.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + spent

    def milliseconds(self) -> dict[str, float]:
        """Return the milliseconds of each stage, for the log."""
        return {name: round(1e3 * spent, 2) for name, spent in self.stages.items()}

    def header(self) -> str:
        """Render as a Server-Timing header, in milliseconds."""
        return ", ".join([f"{name};dur={1e3 * spent:.2f}" for name, spent in self.stages.items()])


class RequestRecord:
    """What the layers note about one request, for its metrics and its line in the log.

    operation: the task, `PROBE` or `OTHER`. model, version: of a published version that the request
    reached; empty texts without one. key: the name of its API key, if it has one. items: in the
    request. abstained: how many of them the model abstained from; None if it cannot. status: of an
    error that the answer's own status does not show. reason: why the service refused. detail: what
    is wrong, for the operator.
    """

    # Not set for each request by a constructor, which would cost as much as all counting.
    operation: str = OTHER
    model: str = ""
    version: int | str = ""
    key: str = ""
    items: int = 0
    abstained: int | None = None
    timings: Timings | None = None
    status: int | None = None
    reason: str = ""
    detail: str = ""


def record_of(scope: MutableMapping[str, Any]) -> RequestRecord:
    """Return the record of an ASGI request; a new one where no layer has asked for it yet."""
    record = scope.get("record")
    if record is None:
        record = scope["record"] = RequestRecord()
    assert isinstance(record, RequestRecord)
    return record


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, and the fields in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "pid": record.process,
            **getattr(record, "fields", {}),
        }
        if record.name != log.name:  # a library, such as uvicorn
            line["logger"] = record.name
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII: no control characters for a terminal


def configure_logging() -> None:
    """Send every log line to stderr as JSON; of libraries, uvicorn excepted, only warnings.

    Python's own warnings are such lines too, as are the errors that asyncio finds in tasks.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (
        (None, logging.WARNING),
        ("thalamus", logging.INFO),
        ("uvicorn", logging.INFO),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.captureWarnings(True)


def event(message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event with its fields."""
    log.log(level, message, extra={"fields": fields})


def failure(message: str, error: BaseException | None, **fields: Any) -> None:
    """Log a failure with its fields and the traceback of its error."""
    log.error(message, exc_info=error, extra={"fields": fields})
