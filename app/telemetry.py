"""Timings of a request for the Server-Timing header, and the log: JSON lines on stderr."""

import json
import logging
import sys
import time
from typing import Any

log = logging.getLogger("thalamus")


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

    def header(self) -> str:
        """Render as a Server-Timing header, in milliseconds."""
        return ", ".join([f"{name};dur={1e3 * spent:.2f}" for name, spent in self.stages.items()])


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, and the fields in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII: no control characters for a terminal


def configure_logging() -> None:
    """Send the service's and the server's log lines to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("thalamus", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


def event(message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event with its fields."""
    log.log(level, message, extra={"fields": fields})
