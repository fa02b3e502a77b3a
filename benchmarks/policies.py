"""Batching policies: the service's own one, and others.

The simulation calls a policy when the device is free and items wait: after a run, at an arrival,
and `patience` seconds after the arrival of the oldest item.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.batching.latency_model import BatchingPolicy, LatencyModel

NEVER = float("inf")


class Policy(Protocol):
    """The policy of one queue. Times are seconds on the simulation's clock."""

    patience: float

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Return how many of the oldest items run now; 0: wait for more."""

    def ran(self, items: int, seconds: float) -> None:
        """Learn the duration of a batch."""


class Own:
    """The policy of app/batching/batcher.py, whose own code chooses the size of a batch."""

    patience = NEVER  # if the device is free, waiting items run at once

    def __init__(self, policy: BatchingPolicy) -> None:
        self._latency = LatencyModel(policy)

    @property
    def item_seconds(self) -> float:
        """The learned seconds of an item; 0 before the first batch."""
        return self._latency.item_seconds

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Take all, up to the bounds."""
        return min(waiting, self._latency.max_items)

    def ran(self, items: int, seconds: float) -> None:
        """Learn."""
        self._latency.observe(items, seconds)


@dataclass
class Timer:
    """A batch starts when it is full or its oldest item has waited long enough, as in Triton.

    One item and no wait mean no batching; an infinite wait means batches of a fixed size.
    """

    most: int
    patience: float

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Return all items that fit, if the batch is due."""
        ready = waiting >= self.most or oldest + self.patience <= now
        return min(waiting, self.most) if ready else 0

    def ran(self, items: int, seconds: float) -> None:
        """Nothing is learnt."""


def own(max_batch: int = 32, batch_seconds: float = 0.05) -> Callable[[], Own]:
    """Return a factory of the service's policy for a device outside the event loop."""
    policy = BatchingPolicy(max_batch, batch_seconds=batch_seconds, inline_seconds=0.0)
    return lambda: Own(policy)


def timer(most: int, patience: float) -> Callable[[], Policy]:
    """Return a factory of `Timer`."""
    return lambda: Timer(most, patience)
