"""The largest rate that one device sustains within a latency bound, in theory and by a policy."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.policies import Policy
from benchmarks.queueing import single

PARTS, STEPS = 8, 5  # of the ceiling, looked at from above, and then halvings: to 0.4 % of it
Seconds = Sequence[float]  # of a batch, by its items


def capacity(seconds: Seconds, most: int | None = None) -> float:
    """Return the largest rate without any bound, in batches of at most `most`, items a second."""
    sizes = range(1, (most or len(seconds) - 1) + 1)
    return max(size / seconds[size] for size in sizes)


def ceiling(seconds: Seconds, limit: float, late: float = 0.01) -> float:
    """Return a rate that no policy can exceed for any arrivals, items a second.

    An item that is answered within `limit` ran in a batch that took no longer; the share `late` may
    have run in any batch. So an item costs the device at least the mean of the cheapest of both.
    """
    within = min(s / b for b, s in enumerate(seconds) if b and s <= limit)
    return 1 / ((1 - late) * within + late / capacity(seconds))


def optimum(seconds: Seconds, limit: float) -> float:
    """Return the largest rate for evenly spaced requests and a scheduler that knows them.

    In a batch of b at the rate r the oldest waits (b - 1) / r for the youngest, and all wait for
    the run: feasible are r ≤ b / t(b) with (b - 1) / r + t(b) ≤ `limit`. 0 where one is too slow.
    Of requests with one common bound none gains by overtaking, so no other order does better.
    """
    best = 0.0
    for size in range(1, len(seconds)):
        spare = limit - seconds[size]
        rate = size / seconds[size]
        if spare >= 0 and (size - 1) <= spare * rate:
            best = max(best, rate)
    return best


def clairvoyant(seconds: Seconds, limit: float, arrivals: np.ndarray) -> float:
    """Return the largest rate at which a scheduler that knows all `arrivals` delays none too long.

    `done` is the earliest time at which the device is free after the first j items, all in time:
    the minimum over the last batch, which starts when the device is free and its last item has
    arrived.
    """

    def feasible(rate: float) -> bool:
        came = arrivals / rate
        done = np.full(len(came) + 1, np.inf)
        done[0] = 0
        for j in range(1, len(came) + 1):
            first = slice(max(0, j - len(runs)), j)  # places of the batch's oldest
            ends = np.maximum(done[first], came[j - 1]) + runs[j - first.start - 1 :: -1]
            done[j] = np.min(ends, where=ends <= came[first] + limit, initial=np.inf)
        return bool(done[-1] < np.inf)

    runs = np.array([s for s in seconds[1:] if s <= limit])
    return _largest(feasible, ceiling(seconds, limit))


def sustained(
    seconds: Seconds, make: Callable[[], Policy], limit: float, arrivals: np.ndarray
) -> float:
    """Return the largest rate at which 99 % of `arrivals`, scaled to it, are within `limit`."""

    def feasible(rate: float) -> bool:
        outcome = single(seconds, make, (arrivals / rate).tolist())
        late = float(np.mean(outcome.settled() > limit))
        return not outcome.refused and outcome.left < 0.01 * len(arrivals) and late <= 0.01

    return _largest(feasible, ceiling(seconds, limit))


def _largest(feasible: Callable[[float], bool], high: float) -> float:
    """Return the largest feasible rate up to `high`; a policy with a timer may fail below it."""
    part = high / PARTS
    low = next((k * part for k in range(PARTS, 0, -1) if feasible(k * part)), 0.0)
    if low == high:
        return high
    for step in range(1, STEPS + 1):
        middle = low + part / 2**step
        low = middle if feasible(middle) else low
    return low
