"""Concurrent items → batches, without a timer.

Whatever arrives while a batch runs, or within one turn of the event loop, forms the next
one. Promises:

- at most `max_batch` items run together, and no more than are expected to take
  `batch_seconds`; at most `max_queue` wait, one more is refused at once with `Overloaded`;
- items of different sizes run with the nearest in size, the oldest first (`companions`);
- a caller that is cancelled while waiting costs nothing, and one cancelled while its
  batch runs harms no neighbour;
- an item whose deadline passed while waiting is answered `DeadlineExceeded`, not run;
- an exception of `run` reaches every caller of that batch and no other;
- after `close()` nothing new is taken, and what was taken is answered.

Not thread-safe: one event loop owns it. `run` is called in a thread of the batcher's own,
or on the event loop where several items take less than `inline_seconds`: the way to a thread
and back costs more than a small model. What an item takes is measured with every batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.engine.companions import companions
from app.errors import DeadlineExceeded, NotReady, Overloaded

_MEMORY = 0.2  # weight of the latest batch in the running mean of an item's seconds
_FEW = 4  # items that must fit into `inline_seconds`
_WINDOW = 256  # items looked at, from the oldest, for such that run well together

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Entry(Generic[Item, Answer]):
    item: Item
    future: asyncio.Future[Answer]
    deadline: float  # seconds on the loop's clock


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one queue: counts of items, seconds of a batch."""

    max_batch: int = 32
    max_queue: int = 2048
    batch_seconds: float = 0.05  # so long may a batch let the next ones wait
    inline_seconds: float = 0.005  # so long may a batch hold up the event loop


class Batcher(Generic[Item, Answer]):
    """Runs `run(items) -> answers`, answer i belonging to item i.

    `size` tells how long an item is along the axis that is padded; None: nothing is.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Answer]],
        bounds: Bounds,
        size: Callable[[Item], int] | None = None,
    ) -> None:
        self._run = run
        self._bounds = bounds
        self._size = size
        self._waiting: deque[_Entry[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._seconds = 0.0  # that an item takes; 0 until measured
        # Its own: slow decoders may hold all of the event loop's threads.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")

    async def submit(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """Return the answers to all `items`, in order; all are queued or none is."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        if len(self._waiting) + len(items) > self._bounds.max_queue:
            self._forget_departed()
        if len(self._waiting) + len(items) > self._bounds.max_queue:
            raise Overloaded(f"{len(self._waiting)} items wait already; try again later")
        loop = asyncio.get_running_loop()
        entries = [_Entry(item, loop.create_future(), deadline) for item in items]
        self._waiting.extend(entries)
        if self._worker is None:
            self._worker = loop.create_task(self._drain())
        try:
            if len(entries) == 1:
                return [await entries[0].future]
            return list(await asyncio.gather(*(entry.future for entry in entries)))
        finally:  # when one item failed or the caller left, its others need not run
            for entry in entries:
                entry.future.cancel()

    async def close(self) -> None:
        """Take nothing more and wait until everything taken is answered."""
        self._closed = True
        if self._worker is not None:
            await self._worker
        self._thread.shutdown(wait=False)

    async def _drain(self) -> None:
        try:
            while batch := self._next_batch():
                await self._answer(batch)
                await asyncio.sleep(0)  # others have their turn between two batches
        finally:
            self._worker = None

    async def _answer(self, batch: list[_Entry[Item, Answer]]) -> None:
        items = [entry.item for entry in batch]
        try:
            if self._quick:
                answers = self._timed(items)
            else:
                loop = asyncio.get_running_loop()
                answers = await loop.run_in_executor(self._thread, self._timed, items)
            pairs = list(zip(batch, answers, strict=True))
        except Exception as error:
            for entry in batch:
                if not entry.future.done():
                    entry.future.set_exception(error)
            return
        for entry, answer in pairs:
            if not entry.future.done():
                entry.future.set_result(answer)

    def _timed(self, items: Sequence[Item]) -> Sequence[Answer]:
        begun = time.perf_counter()
        answers = self._run(items)
        latest = (time.perf_counter() - begun) / len(items)
        self._seconds += (_MEMORY if self._seconds else 1.0) * (latest - self._seconds)
        return answers

    @property
    def _quick(self) -> bool:
        """Whether several items are over before a thread would have begun to pay."""
        return 0 < self._seconds * _FEW <= self._bounds.inline_seconds

    def _next_batch(self) -> list[_Entry[Item, Answer]]:
        """Take the next batch out of the queue; empty when nobody waits."""
        bounds = self._bounds
        count = bounds.max_batch
        if self._seconds:
            seconds = bounds.inline_seconds if self._quick else bounds.batch_seconds
            count = max(1, min(count, int(seconds / self._seconds)))
        if self._size is None:
            return self._take(count)
        looked_at = self._take(_WINDOW)
        if len(looked_at) < 2:
            return looked_at
        chosen = set(companions([self._size(entry.item) for entry in looked_at], count))
        left = [entry for place, entry in enumerate(looked_at) if place not in chosen]
        self._waiting.extendleft(reversed(left))
        return [looked_at[place] for place in sorted(chosen)]

    def _take(self, count: int) -> list[_Entry[Item, Answer]]:
        """Take the `count` oldest out of the queue, without the departed and the late."""
        now = asyncio.get_running_loop().time()
        taken: list[_Entry[Item, Answer]] = []
        while self._waiting and len(taken) < count:
            entry = self._waiting.popleft()
            if entry.future.done():
                continue
            if entry.deadline <= now:
                entry.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
                continue
            taken.append(entry)
        return taken

    def _forget_departed(self) -> None:
        self._waiting = deque(entry for entry in self._waiting if not entry.future.done())
