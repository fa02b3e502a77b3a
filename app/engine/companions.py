"""Which of the waiting items run together when their sizes differ.

A batch is padded to its longest item, and padding is work for nothing; but so is a batch
of one. Items are taken around the oldest, in order of size, as long as no more than
`WASTE` of the batch is padding. The oldest is always among them, so nobody starves.
"""

from collections.abc import Sequence

WASTE = 0.1  # largest share of a batch that is padding


def companions(sizes: Sequence[int], count: int) -> list[int]:
    """Return the places of at most `count` items that share a batch; place 0 is one of them."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    low = order.index(0)
    high, total = low + 1, sizes[0]  # order[low:high] is the batch, total its true size
    while high - low < min(count, len(order)):
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
