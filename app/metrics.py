"""Counts and durations → Prometheus, summed over all workers.

Every request is counted, so counting only adds numbers in memory. Each worker writes its sums to
its own file once a second, if they have changed. The worker that is scraped adds the sums of the
other workers' files to its own. The service sends the metrics to nobody.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from app.telemetry import Timings

METRICS_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_COUNTERS = {
    "thalamus_requests": ("Requests by status", ["status"]),
    "thalamus_items": ("Items answered", ["model", "version"]),
    "thalamus_abstained": ("Answers not to be relied on", ["model", "version"]),
}
_HISTOGRAMS = {
    "thalamus_stage_seconds": ("Time spent in each stage of a request", ["model", "stage"])
}

# Metric and label values → sums. A counter has one. A histogram has the count of each bucket (not
# cumulative), the count above the last bucket, and the sum of the values.
Sums = dict[tuple[str, ...], list[float]]


class Metrics:
    """The metrics of one worker. Their label values are published models and known stages.

    shared: the folder of the workers' files; None if there is one worker.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._sums: Sums = {}
        self._changed = False

    def answered(self, status: int) -> None:
        """Count one HTTP answer."""
        self._count(("thalamus_requests", str(status)), 1)

    def served(self, model: str, version: int, items: int, timings: Timings) -> None:
        """Count the items of one request and the time of its stages."""
        self._count(("thalamus_items", model, str(version)), items)
        for stage, spent in timings.stages.items():
            sums = self._series(("thalamus_stage_seconds", model, stage), len(_BUCKETS) + 2)
            sums[bisect_left(_BUCKETS, spent)] += 1
            sums[-1] += spent

    def abstained(self, model: str, version: int, items: int) -> None:
        """Count the abstained items of one request; 0 makes the series appear."""
        self._count(("thalamus_abstained", model, str(version)), items)

    def save(self) -> bool:
        """Write changed counts for the other workers; return whether there were any."""
        changed, self._changed = self._changed, False
        if changed and self._shared is not None:
            path = self._shared / f"{os.getpid()}.json"
            aside = path.with_suffix(".new")
            aside.write_bytes(orjson.dumps([[*key, sums] for key, sums in self._sums.items()]))
            aside.rename(path)
        return changed

    def render(self) -> bytes:
        """Return the metrics of all workers in the Prometheus text format."""
        registry = CollectorRegistry()
        registry.register(_Rendering(self._of_all()))
        return generate_latest(registry)

    def _count(self, key: tuple[str, ...], more: float) -> None:
        self._series(key, 1)[0] += more

    def _series(self, key: tuple[str, ...], size: int) -> list[float]:
        self._changed = True
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = [0.0] * size
        return sums

    def _of_all(self) -> Sums:
        total = {key: list(sums) for key, sums in self._sums.items()}
        own = f"{os.getpid()}.json"
        others = self._shared.glob("*.json") if self._shared else ()
        for path in others:
            with suppress(FileNotFoundError):
                rows = orjson.loads(path.read_bytes()) if path.name != own else []
                for *key, sums in rows:
                    before = total.get(tuple(key), [0.0] * len(sums))
                    total[tuple(key)] = [a + b for a, b in zip(before, sums, strict=True)]
        return total


class _Rendering(Collector):
    """Sums in the form of prometheus_client."""

    def __init__(self, sums: Sums) -> None:
        self._sums = sums

    def collect(self) -> Iterator[Metric]:
        for name, (text, labels) in _COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=labels)
            for values, sums in self._of(name):
                counter.add_metric(values, sums[0])
            yield counter
        for name, (text, labels) in _HISTOGRAMS.items():
            histogram = HistogramMetricFamily(name, text, labels=labels)
            for values, sums in self._of(name):
                *counts, total = sums
                bounds = [*(str(float(bound)) for bound in _BUCKETS), "+Inf"]
                up_to = [sum(counts[: place + 1]) for place in range(len(counts))]
                histogram.add_metric(values, list(zip(bounds, up_to, strict=True)), total)
            yield histogram

    def _of(self, name: str) -> Iterator[tuple[list[str], list[float]]]:
        for (metric, *values), sums in sorted(self._sums.items()):
            if metric == name:
                yield values, sums
