"""How many replicas a model needs, by the seconds that items wait in their queues.

Requests in flight, which Ray Serve scales by otherwise, say nothing about what one costs: a hundred
small texts wait a millisecond, a hundred photos three seconds. A queue in seconds says the same of
every model.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from app.cluster.replica import REPORTED_SECONDS

_IDLE = 0.1  # share of the target below which one replica is too many
_MOST_AT_ONCE = 2.0  # factor


class QueueSeconds:
    """A policy of Ray Serve. target_seconds: of waiting, above which one more is worth its place.

    A queue of twice that wants twice the replicas, at most; one of a tenth wants one fewer. Ray
    Serve keeps the bounds and waits for `upscale_delay_s` and `downscale_delay_s`.
    """

    def __init__(self, target_seconds: float = 0.1) -> None:
        self._target = target_seconds

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Return the replicas that are wanted, and no state."""
        reported = (context.aggregated_metrics or {}).get(REPORTED_SECONDS, {})
        return self.wanted(context.target_num_replicas, reported), {}

    def wanted(self, now: int, queue_seconds: Mapping[Any, float]) -> int:
        """Return how many replicas are wanted. now: how many there shall be already."""
        if not queue_seconds or not now:
            return max(1, now)
        mean = sum(queue_seconds.values()) / len(queue_seconds)
        if mean > self._target:
            return ceil(now * min(_MOST_AT_ONCE, mean / self._target))
        return max(1, now - 1) if mean < _IDLE * self._target else now
