"""Items that take longer than a whole batch: each runs alone, in a thread, beside the batches."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Generic

from app.batching.memory_budget import MemoryBudget
from app.batching.queue_limit import QueueLimit
from app.batching.waiting_item import Item, Output, WaitingItem, overloaded, refuse_last, settle

_LATEST = 0.1  # weight of the latest item in the running mean


class LongItems(Generic[Item, Output]):
    """Runs at most `threads` items at once; the others wait, and how long is limited.

    run: (one item) -> its answer or error. seconds: of `QueueLimit`. memory: what items take while
    they run. One event loop owns it.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Output | Exception]],
        threads: int,
        seconds: float,
        clock: Callable[[], float] = time.perf_counter,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._memory = memory or MemoryBudget()
        self._run, self._count, self._clock = run, threads, clock
        self._limit = QueueLimit(seconds, clock)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="long-item")
        self._entries: dict[WaitingItem[Item, Output], None] = {}  # that wait or run, in order
        self._item_seconds = 0.0  # a running mean; 0 until measured

    def __len__(self) -> int:
        """Return how many items wait or run."""
        return len(self._entries)

    @property
    def waiting(self) -> int:
        """The items that wait."""
        return max(0, len(self._entries) - self._count)

    @property
    def seconds(self) -> float:
        """How long an item that came now would wait."""
        return max(0, len(self._entries) - self._count + 1) * self._item_seconds / self._count

    def require_room(self, longest: float) -> None:
        """Raise `Overloaded` where an item that came now would wait too long.

        longest: seconds to the deadline of the item.
        """
        each = self._item_seconds / self._count
        if self.seconds <= min(self._limit.now(each), longest):
            return
        self._limit.refuse()
        if each:
            refuse_last(self._entries, self._limit.standing(each) / each)
        raise overloaded(len(self._entries))

    def accept(self, entry: WaitingItem[Item, Output]) -> Coroutine[Any, Any, None]:
        """Count an item, and return the work that runs it, unless its caller is gone before."""
        self._item_seconds = self._item_seconds or entry.cost
        self._entries[entry] = None
        if len(self._entries) == self._count:
            self._limit.work()
        return self._settled(entry)

    async def _settled(self, entry: WaitingItem[Item, Output]) -> None:
        try:
            await self._run_with_memory(entry)
        except Exception as error:  # no memory in time, or no thread
            settle([entry], [error])
        finally:
            del self._entries[entry]
            if len(self._entries) < self._count:
                self._limit.rest()

    async def _run_with_memory(self, entry: WaitingItem[Item, Output]) -> None:
        """Run an item once its memory is there, while there is time to decode it."""
        until = entry.deadline - entry.cost
        if entry.memory and not await self._memory.take(entry.memory, until, entry.future):
            return
        give_back = partial(self._memory.give_back, entry.memory)
        try:
            thread = self._threads.submit(self._measured, entry)
        except Exception:
            give_back()
            raise
        # Not when the caller leaves: a decoder cannot be interrupted, and holds its memory.
        thread.add_done_callback(partial(_call_soon, asyncio.get_running_loop(), give_back))
        work = asyncio.wrap_future(thread)
        entry.future.add_done_callback(lambda _: work.cancel())
        with suppress(asyncio.CancelledError):
            settle([entry], await work)

    def close(self) -> None:
        """Start no thread any more, and forget `run`, which may refer back to this."""
        self._threads.shutdown(wait=False)
        self._run = _closed

    def _measured(self, entry: WaitingItem[Item, Output]) -> Sequence[Output | Exception]:
        start = self._clock()
        outcomes = self._run([entry.item])
        if not isinstance(outcomes[0], Exception):
            self._item_seconds += _LATEST * (self._clock() - start - self._item_seconds)
        self._memory.tidy(entry.memory)
        return outcomes


def _closed(_items: Sequence[Any]) -> Sequence[Any]:
    raise RuntimeError("the model is closed")


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[[], None], _done: Future[Any]
) -> None:
    """Call a function on the event loop, unless that has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)
