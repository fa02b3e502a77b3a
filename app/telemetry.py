"""Timings → Server-Timing header and Prometheus; events → JSON log lines.

Nothing here leaves the machine: metrics wait to be scraped, logs go to stderr.
"""

import json
import logging
import os
import sys
import time
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METRICS_TYPE = CONTENT_TYPE_PLAIN_0_0_4
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

    def header(self) -> str:
        """Render as a Server-Timing header, in milliseconds."""
        return ", ".join(f"{name};dur={1e3 * spent:.2f}" for name, spent in self.stages.items())


class Metrics:
    """The service's Prometheus series; label values are bounded by what is published.

    Where several processes serve, they keep their series in the files of the folder
    `PROMETHEUS_MULTIPROC_DIR`, and each of them renders the sum.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "thalamus_requests", "Requests by status", ["status"], registry=self._registry
        )
        self._items = Counter(
            "thalamus_items", "Items classified", ["model", "version"], registry=self._registry
        )
        self._stages = Histogram(
            "thalamus_stage_seconds",
            "Time spent in each stage of a classification",
            ["model", "stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # Finding a series by its labels costs more than counting.
        self._status = cache(lambda status: self._requests.labels(str(status)))
        self._model = cache(lambda model, version: self._items.labels(model, str(version)))
        self._stage = cache(self._stages.labels)

    def answered(self, status: int) -> None:
        """Count one HTTP answer."""
        self._status(status).inc()

    def classified(self, model: str, version: int, items: int, timings: Timings) -> None:
        """Count the items of one classification and the time of its stages."""
        self._model(model, version).inc(items)
        for stage, spent in timings.stages.items():
            self._stage(model, stage).observe(spent)

    def render(self) -> bytes:
        """Return the Prometheus text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        summed = CollectorRegistry()
        MultiProcessCollector(summed)
        return generate_latest(summed)


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
