"""Timings → Server-Timing header; events → JSON log lines, to stderr."""

import json
import logging
import sys
import time
from typing import Any

log = logging.getLogger("thalamus")


class Timings:
    """Seconds spent in each stage of one request, from now on."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._latest = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End `stage`, which began when the one before it ended."""
        now = time.perf_counter()
        self.stages[stage] = now - self._latest
        self._latest = now

    def waited(self, work: "Timings") -> None:
        """Note that what was waited for is over: `work`, and before it the queue."""
        self.lap("queue")
        self.stages["queue"] = max(0.0, self.stages["queue"] - sum(work.stages.values()))
        self.stages |= work.stages

    def add(self, work: "Timings") -> None:
        """Note one of several pieces of work: their stages add up."""
        for stage, spent in work.stages.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + spent

    def header(self) -> str:
        """Render as a Server-Timing header, in milliseconds."""
        return ", ".join([f"{name};dur={1e3 * spent:.2f}" for name, spent in self.stages.items()])


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and the fields given with `extra`."""

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
        return json.dumps(line, default=str)  # ASCII: nothing that a terminal would obey


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
