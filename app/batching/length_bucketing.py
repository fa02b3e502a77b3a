"""Which items of different lengths run together.

A run is padded to its longest item, and padding is wasted work. But a step of a run has a fixed
cost too, about as large as one item's share of the step, which the items of the run divide among
them. So items of neighbouring lengths are merged into buckets: first those that pad least for each
step saved, as long as they save more than they pad, and as long as at most `MAX_PADDING` of all
that is run is padding.
"""

from collections.abc import Sequence
from math import inf

MAX_PADDING = 0.1  # share of all that is run


def bucket_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Return the indices of the items in buckets that run together, the shortest items first."""
    buckets = [[index] for index in sorted(range(len(lengths)), key=lengths.__getitem__)]
    longest = [lengths[bucket[0]] for bucket in buckets]
    budget = MAX_PADDING / (1 - MAX_PADDING) * sum(lengths)  # steps of padding
    costs = [_merge_cost(buckets, longest, place) for place in range(len(buckets) - 1)]
    while costs and (cost := min(costs)) <= 1:
        place = costs.index(cost)
        padding = _padding(buckets, longest, place)
        if padding > budget:
            costs[place] = inf
            continue
        budget -= padding
        buckets[place] += buckets.pop(place + 1)
        del longest[place], costs[place]
        for neighbour in (place - 1, place):
            if 0 <= neighbour < len(costs):
                costs[neighbour] = _merge_cost(buckets, longest, neighbour)
    return buckets


def _padding(buckets: list[list[int]], longest: list[int], place: int) -> int:
    """Return the steps of padding that a bucket needs to run with the next one."""
    return len(buckets[place]) * (longest[place + 1] - longest[place])


def _merge_cost(buckets: list[list[int]], longest: list[int], place: int) -> float:
    """Return the steps of padding for each step saved, if a bucket runs with the next one."""
    return _padding(buckets, longest, place) / max(1, longest[place])
