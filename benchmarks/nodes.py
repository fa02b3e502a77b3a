"""The nodes of a simulated fleet, what is planned for them, and what came of it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.batching.queue_limit import QueueLimit
from benchmarks.policies import NEVER, Own
from benchmarks.queueing import Outcome


@dataclass(slots=True)
class Counters:
    """What a node has counted since its start, as its metrics do."""

    busy: float = 0.0  # seconds of all workers, of batches that are over
    waited: float = 0.0  # seconds of all items for their batch
    started: int = 0  # items
    refused: int = 0  # items


@dataclass(slots=True, eq=False)
class Worker:
    """One device and its queue of (arrival, items ahead at that time)."""

    policy: Own
    limit: QueueLimit | None
    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    running: int = 0  # items of the batch that runs
    until: float = 0.0  # its end, as expected

    def ahead(self, now: float) -> float:
        """Return the seconds that an item which came now would wait, as `Batcher` estimates."""
        rest = abs(self.until - now) if self.running else 0.0
        return rest + len(self.waiting) * self.policy.item_seconds


@dataclass(slots=True, eq=False)
class Node:
    """One pod. loads: items in hand by worker. since: when it was ready; None before."""

    workers: list[Worker]
    loads: list[int]
    begun: float
    since: float | None = None
    ended: float | None = None  # when it failed, or had answered all after it was taken away
    failed: bool = False
    leaving: bool = False
    counters: Counters = field(default_factory=Counters)
    scrapes: deque[tuple[float, Counters]] = field(default_factory=deque)  # of its metrics


class Scaler(Protocol):
    """An autoscaler, asked every `interval` seconds."""

    interval: float

    def pods(self, now: float, ready: Sequence[Node], starting: int) -> int:
        """Return how many nodes there are to be."""


@dataclass(frozen=True)
class Plan:
    """What happens to a fleet. Times are seconds.

    nodes, workers: at the start, and of each node. start: from the order to the first answer of a
    node. notice: from a failure until nothing more is sent there. failures: (when, index among the
    ready nodes). queue: THALAMUS_MAX_QUEUE_SECONDS; infinite: no limit but that of `Cluster`.
    """

    nodes: int = 1
    workers: int = 1
    start: float = 60.0
    notice: float = 10.0
    queue: float = NEVER
    failures: Sequence[tuple[float, int]] = ()
    scaler: Scaler | None = None


@dataclass
class FleetOutcome(Outcome):
    """In addition: when each answer came, the items that were lost, and the nodes over time."""

    answered: list[float] = field(default_factory=list)  # in the order of `latencies`
    refusals: list[float] = field(default_factory=list)  # when
    lost: int = 0
    node_seconds: float = 0.0  # of all nodes from the order to their end
    nodes: list[tuple[float, int, int]] = field(default_factory=list)  # (when, ready, all)
