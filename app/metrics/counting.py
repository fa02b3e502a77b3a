"""Counting the requests of a worker, in memory that all workers share.

Every request is counted, so counting only adds to numbers whose place is known. All series of a
version are there, with 0, once it is ready: Prometheus sees a first event only as the difference
from a 0 before it. Counters of removed versions stay, because a counter must not fall; gauges of
removed versions go.
"""

import logging
import math
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.errors import refusal_reasons
from app.metrics import families
from app.metrics.exposition import Values, exposition, join_workers
from app.metrics.families import FAMILIES, Family
from app.shared_numbers import Key, Numbers, SharedNumbers
from app.telemetry import OTHER, PROBE, STAGES, RequestRecord, event

GaugeValues = Mapping[tuple[str, ...], float]  # label values → value


class _ByLabel(dict[int | str, Numbers]):
    """The series that differ in their last label, by its value. A new one is created."""

    def __init__(self, create: Callable[[str], Numbers], values: Iterable[int | str]) -> None:
        super().__init__((value, create(str(value))) for value in values)
        self._create = create

    def __missing__(self, value: int | str) -> Numbers:
        numbers = self[value] = self._create(str(value))
        return numbers


@dataclass(slots=True)
class _Operation:
    requests: _ByLabel  # by status
    seconds: Numbers | None  # where a model answers
    version: "_Version | None"


@dataclass(slots=True)
class _Version:
    items: Numbers
    stages: _ByLabel
    batches: Numbers
    abstained: Numbers | None = None
    latest: float = 0.0  # answer with status 200, in seconds since 1970


class Metrics:
    """The metrics of one worker.

    shared: where this worker counts, and the others' counts are. operations, statuses: what answers
    may have, whose series are there from the start.
    """

    def __init__(
        self,
        shared: SharedNumbers | None = None,
        operations: Sequence[str] = (),
        statuses: Collection[int] = (200,),
    ) -> None:
        self._shared = shared or SharedNumbers()
        self._statuses = sorted(statuses)
        self._reasons = refusal_reasons()
        self._full = False
        self._versions: dict[tuple[str, int | str], _Version] = {}
        self._operations: dict[tuple[str, int | str, str], _Operation] = {}
        self._gauges: dict[str, dict[tuple[str, ...], Numbers]] = {}
        self.answers = 0  # of this process
        withdraw_gauges(self._shared.entries())
        for operation in (*operations, PROBE, OTHER):
            self._operation("", "", operation)
        self._expect_refusals("")

    @property
    def worker(self) -> str:
        """The label of this worker: its index, from 0."""
        return str(self._shared.index)

    def expect(
        self, model: str, version: int, operations: Iterable[str] = (), *, abstains: bool = False
    ) -> None:
        """Make every series of a version appear, with 0. abstains: whether it may abstain."""
        for operation in operations:
            self._operation(model, version, operation)
        found = self._version(model, version)
        if abstains and found.abstained is None:
            found.abstained = self._series(families.ABSTAINED, model, str(version))

    def answered(self, record: RequestRecord, status: int, seconds: float) -> None:
        """Count one HTTP answer, the items in it, and the time that it took."""
        self.answers += 1
        key = (record.model, record.version, record.operation)
        operation = self._operations.get(key) or self._operation(*key)
        operation.requests[status][0] += 1
        if record.reason:
            self.refused(record.reason, record.model)
        if status == 200 and operation.seconds is not None and operation.version is not None:
            _observe(operation.seconds, families.SECONDS, seconds)
            operation.version.latest = time.time()
            self._count_items(operation.version, record)

    def refused(self, reason: str, model: str = "") -> None:
        """Count one refusal. reason: that of an error class, such as `queue_full`."""
        self._series(families.REFUSALS, model, reason)[0] += 1

    def batch(self, model: str, version: int, items: int) -> None:
        """Count one batch."""
        _observe(self._version(model, version).batches, families.ITEMS, items)

    def load_failed(self, model: str, version: int, times: int = 1) -> None:
        """Count a failure to load a version; 0 times makes the series appear."""
        self._series(families.LOAD_FAILURES, model, str(version))[0] += times

    def set(self, family: Family, values: GaugeValues) -> None:
        """Set all series that this worker has of a family; those that are not in `values` go."""
        known = self._gauges.setdefault(family.name, {})
        for gone in known.keys() - values.keys():
            known[gone][0] = math.nan
        for labels, value in values.items():
            if labels not in known:
                known[labels] = self._series(family, *labels)
            known[labels][0] = value

    def latest_answer(self, model: str, version: int) -> float:
        """Return when this worker gave the latest answer with status 200, in seconds since 1970."""
        return self._version(model, version).latest

    def totals(self) -> dict[str, Values]:
        """Return the series of all workers, by the name of their family."""
        return join_workers(self._shared.all())

    def render(self, service: Mapping[Family, GaugeValues] | None = None) -> bytes:
        """Return the metrics of all workers in the Prometheus text format.

        service: values that belong to no single worker.
        """
        values = self.totals()
        for family, gauges in (service or {}).items():
            values[family.name] = {labels: (float(value),) for labels, value in gauges.items()}
        return exposition(values)

    def _count_items(self, version: _Version, record: RequestRecord) -> None:
        version.items[0] += record.items
        if record.timings is not None:
            stages = version.stages
            for stage, spent in record.timings.stages.items():
                numbers = stages[stage]  # `_observe`, without a call for each
                numbers[bisect_left(families.SECONDS, spent)] += 1
                numbers[-1] += spent
        if record.abstained is not None:
            abstained = version.abstained
            if abstained is None:
                labels = (record.model, str(record.version))
                abstained = version.abstained = self._series(families.ABSTAINED, *labels)
            if record.abstained:
                abstained[0] += record.abstained

    def _operation(self, model: str, version: int | str, operation: str) -> _Operation:
        found = self._operations.get((model, version, operation))
        if found is None:
            labels = (model, str(version), operation)
            requests = _ByLabel(partial(self._series, families.REQUESTS, *labels), self._statuses)
            seconds = self._series(families.REQUEST_SECONDS, *labels) if model else None
            found = self._operations[model, version, operation] = _Operation(
                requests, seconds, self._version(model, version) if model else None
            )
        return found

    def _version(self, model: str, version: int | str) -> _Version:
        found = self._versions.get((model, version))
        if found is None:
            labels = (model, str(version))
            found = self._versions[model, version] = _Version(
                self._series(families.ITEMS_ANSWERED, *labels),
                _ByLabel(partial(self._series, families.STAGE_SECONDS, *labels), STAGES),
                self._series(families.BATCH_ITEMS, *labels),
            )
            self._expect_refusals(model)
        return found

    def _expect_refusals(self, model: str) -> None:
        for reason in self._reasons:
            self._series(families.REFUSALS, model, reason)

    def _series(self, family: Family, *labels: str) -> Numbers:
        numbers = self._shared.own((family.name, *labels), family.numbers)
        if self._shared.full and not self._full:
            self._full = True
            event("no room for more metrics; new ones are of one worker only", logging.ERROR)
        return numbers


def withdraw_gauges(entries: Mapping[Key, Numbers]) -> None:
    """Remove the gauges of a worker that has ended."""
    gauges = {family.name for family in FAMILIES if family.kind == "gauge"}
    for (name, *_), numbers in entries.items():
        if name in gauges:
            numbers[0] = math.nan


def _observe(numbers: Numbers, buckets: Sequence[float], value: float) -> None:
    numbers[bisect_left(buckets, value)] += 1
    numbers[-1] += value
