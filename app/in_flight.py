"""The state that all workers of a service share: requests in flight, restarts, readiness."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.shared_bytes import SharedBytes
from app.shared_numbers import SharedNumbers


class InFlight:
    """The number of requests in flight in each worker, in memory that all workers share.

    Construct it before the workers are forked; each calls `join` once. A worker writes its own
    count only, so no lock is needed; the counts of the others may be out of date for a moment.
    """

    def __init__(self, workers: int = 1) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * workers)).cast("i")
        self._index = 0

    def join(self, index: int) -> None:
        """Become the worker `index`, from 0, with no request in flight."""
        self._index, self._counts[index] = index, 0

    def clear(self, index: int) -> None:
        """Forget the requests of the worker `index`, which has died."""
        self._counts[index] = 0

    def enter(self) -> None:
        """Count a request that this worker starts to answer."""
        self._counts[self._index] += 1

    def leave(self) -> None:
        """Count a request that this worker has answered."""
        self._counts[self._index] -= 1

    @property
    def own(self) -> int:
        """The requests in flight in this worker."""
        return self._counts[self._index]

    @property
    def total(self) -> int:
        """The requests in flight in all workers."""
        return sum(self._counts)

    @property
    def at_most_one(self) -> bool:
        """Whether all workers together have at most one request in flight."""
        return self.total <= 1


class Restarts:
    """How often a worker was started because another one had died, in memory that all share.

    Only the supervisor adds to it.
    """

    def __init__(self) -> None:
        self._count = memoryview(mmap.mmap(-1, 8)).cast("q")

    def add(self) -> None:
        """Count one."""
        self._count[0] += 1

    def __call__(self) -> int:
        """Return the number since the service was started."""
        return self._count[0]


def no_trial(folder: Path, digest: str) -> None:
    """Let every version pass without a trial."""


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """The state that all workers of a service share.

    count: how many workers the service runs. cores: CPUs that they may use together. all_ready:
    returns whether all other workers have loaded their models. stopping: returns whether this
    worker was asked to end, and should get no new clients. restarts: returns how many workers were
    started because another one had died. numbers: their metrics. trial: loads a version's folder,
    whose manifest has this sha256, in another process, and raises `OperatorError` unless it
    succeeds there; by default nothing is tried. keys: the file of API keys, as it was last good.
    quotas: the requests of each key. rules: the last good rule of every model. load: opens a
    version whose graph other processes run, in the place of `app.serving.loading.load`.
    """

    in_flight: InFlight = field(default_factory=InFlight)
    count: int = 1
    cores: int = 1
    all_ready: Callable[[], bool] = lambda: True
    stopping: Callable[[], bool] = lambda: False
    restarts: Callable[[], int] = lambda: 0
    numbers: SharedNumbers = field(default_factory=SharedNumbers)
    trial: Callable[[Path, str], None] = no_trial
    keys: SharedBytes = field(default_factory=SharedBytes)
    quotas: SharedNumbers = field(default_factory=SharedNumbers)
    rules: SharedBytes = field(default_factory=SharedBytes)
    load: Callable[..., Any] | None = None
