"""A budget of memory for decoding, shared by all models of a process.

A file of a few kilobytes may be a picture of hundreds of megabytes. So before an item is decoded,
the bytes that this takes at the peak are taken from the budget, and they are returned afterwards.
Items that do not fit wait in the order of their arrival; none overtakes another, so a large one is
not put off for ever by small ones. Waiting holds no thread.

Items that cost at most `QUICK` seconds take nothing: by the promise of `Encoder.decode_bytes` they
need at most `SMALL` bytes, and only as many are decoded at once as there are threads: the event
loop and those of each model.

Not thread-safe: one event loop owns it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from app.errors import MemoryTaken

QUICK = 5e-4  # seconds
SMALL = 2**22  # bytes
LARGE = 2**25  # bytes, which are worth the time to return them to the system


def no_bytes(_item: Any) -> int:
    """Return 0, the bytes that any item takes where no memory is counted."""
    return 0


class MemoryBudget:
    """So many bytes for decoding. limit: bytes; None for any number.

    release: returns freed memory to the system. Called in the thread that has decoded a large item,
    before the next one takes its memory: different decoders do not reuse each other's.
    """

    def __init__(
        self, limit: int | None = None, release: Callable[[], None] = lambda: None
    ) -> None:
        self.limit, self._release = limit, release
        self.taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """The number of items that wait."""
        return len(self._waiting)

    def take_now(self, size: int) -> bool:
        """Take so many bytes if they are free and nobody waits; return whether they were taken."""
        if self._waiting or not self._is_free(size):
            return False
        self.taken += size
        return True

    async def take(self, size: int, until: float, unwanted: asyncio.Future[Any]) -> bool:
        """Take so many bytes as soon as all who came before have theirs; return True then.

        Returns False as soon as `unwanted` is done, the future of the item's answer. until: seconds
        on the event loop's clock, when `MemoryTaken` is raised.
        """
        if self.take_now(size):
            return True
        loop = asyncio.get_running_loop()
        place = (size, loop.create_future())
        self._waiting.append(place)
        await asyncio.wait(
            (place[1], unwanted),
            timeout=max(0.0, until - loop.time()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if place[1].done() and not unwanted.done():
            return True
        if place[1].done():
            self.give_back(size)
        else:
            self._waiting.remove(place)
            self._grant()
        if unwanted.done():
            return False
        raise MemoryTaken("other requests hold the memory for decoding; try again later")

    def tidy(self, size: int) -> None:
        """Return to the system what decoding an item of so many bytes has freed; in any thread."""
        if size >= LARGE:
            self._release()

    def give_back(self, size: int) -> None:
        """Return bytes that were taken, and let those who wait have them."""
        self.taken -= size
        self._grant()

    def _is_free(self, size: int) -> bool:
        return self.limit is None or self.taken + size <= self.limit

    def _grant(self) -> None:
        while self._waiting and self._is_free(self._waiting[0][0]):
            size, granted = self._waiting.popleft()
            self.taken += size
            granted.set_result(None)
