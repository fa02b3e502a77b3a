"""Which items run together when their sizes differ.

A run is padded to its longest item, and padding is work for nothing; but a step of a run has a
price of its own, about that of one item's share of it, which companions divide. So neighbours in
size are put together, those first that pad least for each step saved, as long as they save more
than they pad and no more than `WASTE` of all that is run is padding.
"""

from collections.abc import Sequence
from math import inf

WASTE = 0.1  # largest share that is padding


def groups(sizes: Sequence[int]) -> list[list[int]]:
    """Divide the places of items so that those of a group run together, the shortest first."""
    found = [[place] for place in sorted(range(len(sizes)), key=sizes.__getitem__)]
    longest = [sizes[group[0]] for group in found]
    spare = WASTE / (1 - WASTE) * sum(sizes)  # so much padding is a share of `WASTE`
    prices = [_price(found, longest, place) for place in range(len(found) - 1)]
    while prices and (price := min(prices)) <= 1:
        place = prices.index(price)
        padding = _padding(found, longest, place)
        if padding > spare:
            prices[place] = inf
            continue
        spare -= padding
        found[place] += found.pop(place + 1)
        del longest[place], prices[place]
        for other in (place - 1, place):
            if 0 <= other < len(prices):
                prices[other] = _price(found, longest, other)
    return found


def _padding(found: list[list[int]], longest: list[int], place: int) -> int:
    """Return what a group would be padded by to run with the next."""
    return len(found[place]) * (longest[place + 1] - longest[place])


def _price(found: list[list[int]], longest: list[int], place: int) -> float:
    """Return the padding for each step saved by running a group with the next."""
    return _padding(found, longest, place) / max(1, longest[place])
