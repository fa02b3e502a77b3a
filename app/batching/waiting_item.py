"""An item that waits, and its answer."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import Overloaded

Item = TypeVar("Item")
Output = TypeVar("Output")


@dataclass(slots=True, eq=False)
class WaitingItem(Generic[Item, Output]):
    """An item and the future of its answer.

    cost: an upper estimate of what it takes, in seconds. deadline: seconds on the loop's clock.
    ahead: the items that waited before those of its request. memory: bytes to take from the budget
    for decoding it; 0 for a small item.
    """

    item: Item
    cost: float
    future: asyncio.Future[Output]
    deadline: float
    ahead: int
    memory: int = 0


def settle(
    entries: Sequence[WaitingItem[Item, Output]], outcomes: Sequence[Output | Exception]
) -> None:
    """Give each caller that still waits its answer or error."""
    for entry, outcome in zip(entries, outcomes, strict=True):
        if entry.future.done():
            continue
        if isinstance(outcome, Exception):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)


def refuse_last(entries: Iterable[WaitingItem[Item, Output]], most: float) -> None:
    """Refuse the requests that came when more than `most` items were ahead of them."""
    for entry in entries:
        if entry.ahead > most and not entry.future.done():
            entry.future.set_exception(overloaded(entry.ahead))


def overloaded(ahead: int) -> Overloaded:
    """Return the error of a request that would wait for so many items."""
    return Overloaded(f"too many items ({ahead}) are ahead in the queue; try again later")
