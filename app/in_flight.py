"""What the workers of one service share, above all how many requests each of them is answering."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


class InFlight:
    """Counts of requests in flight, one for each worker, in memory that all workers share.

    Construct it before the workers are forked; each calls `join` once. A worker writes its own
    count only, so no lock is needed; what it reads of the others may be a moment old.
    """

    def __init__(self, workers: int = 1) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * workers)).cast("i")
        self._index = 0

    def join(self, index: int) -> None:
        """Become the worker `index`, from 0, with no request in flight."""
        self._index, self._counts[index] = index, 0

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
    def at_most_one(self) -> bool:
        """Whether all workers together have at most one request in flight."""
        return sum(self._counts) <= 1


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """What the workers of one service share.

    cores: CPUs that all of them together may use. folder: where each writes its metrics; None
    where there is one worker. all_ready: says whether every other worker has loaded its models.
    """

    in_flight: InFlight = field(default_factory=InFlight)
    cores: int = 1
    folder: Path | None = None
    all_ready: Callable[[], bool] = lambda: True
