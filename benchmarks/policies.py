"""Which of those who wait run now: the service's own rule, and others'.

A policy is asked when the device is free and somebody waits: after a run, at an arrival, and
`patience` seconds after the oldest came.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.batching.latency_model import BatchingPolicy, LatencyModel

NEVER = float("inf")


class Policy(Protocol):
    """One queue's rule. Times are seconds on the simulation's clock."""

    patience: float

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Return how many of the oldest run now; 0: wait for more."""

    def ran(self, items: int, seconds: float) -> None:
        """Learn how long a batch took."""


class Own:
    """What app/batching/batcher.py does; how many may run together is asked of its own code."""

    patience = NEVER  # whoever waits while the device is free runs at once

    def __init__(self, policy: BatchingPolicy) -> None:
        self._latency = LatencyModel(policy)

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Take all, up to the bounds."""
        return min(waiting, self._latency.max_items)

    def ran(self, items: int, seconds: float) -> None:
        """Learn."""
        self._latency.observe(items, seconds)


@dataclass
class Timer:
    """A batch starts when it is full or its oldest has waited so long, as in Triton.

    One item and no time is no batching at all; for ever is a fixed batch.
    """

    most: int
    patience: float

    def take(self, waiting: int, oldest: float, now: float) -> int:
        """Take all that fit, if it is time."""
        ready = waiting >= self.most or oldest + self.patience <= now
        return min(waiting, self.most) if ready else 0

    def ran(self, items: int, seconds: float) -> None:
        """Nothing is learnt."""


def own(max_batch: int = 32, batch_seconds: float = 0.05) -> Callable[[], Policy]:
    """Return a maker of the service's policy on a device that is not the event loop's own."""
    policy = BatchingPolicy(max_batch, batch_seconds=batch_seconds, inline_seconds=0.0)
    return lambda: Own(policy)


def timer(most: int, patience: float) -> Callable[[], Policy]:
    """Return a maker of timers."""
    return lambda: Timer(most, patience)
