"""Which items run together when their sizes differ.

A run is padded to its longest item, and padding is work for nothing; but so is a run of
one. Items are taken around the first, in order of size, as long as no more than `WASTE`
of the run is padding; then around the first of those that are left.
"""

from collections.abc import Sequence

WASTE = 0.1  # largest share of a run that is padding


def groups(sizes: Sequence[int]) -> list[list[int]]:
    """Divide the places of items so that those of a group run together."""
    found, left = [], list(range(len(sizes)))
    while left:
        together = [left[place] for place in companions([sizes[place] for place in left])]
        found.append(together)
        left = [place for place in left if place not in set(together)]
    return found


def companions(sizes: Sequence[int]) -> list[int]:
    """Return the places of the items that run with the one at place 0, itself among them."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    low = order.index(0)
    high, total = low + 1, sizes[0]  # order[low:high] is the run, total its true size
    while high - low < len(order):
        longest, number = sizes[order[high - 1]], high - low + 1
        shorter = sizes[order[low - 1]] if low > 0 else None
        longer = sizes[order[high]] if high < len(order) else None
        down = 1.0 if shorter is None else 1 - (total + shorter) / (longest * number)
        up = 1.0 if longer is None else 1 - (total + longer) / (longer * number)
        if min(down, up) > WASTE:
            break
        if down < up:
            low, total = low - 1, total + (shorter or 0)
        else:
            high, total = high + 1, total + (longer or 0)
    return order[low:high]
