"""Concurrent items → batches, without a timer.

Whatever arrives while a batch runs forms the next one. Promises:

- at most `max_batch` items run together and at most `max_queue` wait; one more is
  refused at once with `Overloaded`;
- a caller that is cancelled while waiting costs nothing, and one cancelled while its
  batch runs harms no neighbour;
- an item whose deadline passed while waiting is answered `DeadlineExceeded`, not run;
- an exception of `run` reaches every caller of that batch and no other;
- after `close()` nothing new is taken, and what was taken is answered.

Not thread-safe: one event loop owns it. `run` is called in a thread of the
batcher's own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import DeadlineExceeded, NotReady, Overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Entry(Generic[Item, Answer]):
    item: Item
    future: asyncio.Future[Answer]
    deadline: float  # seconds on the loop's clock


class Batcher(Generic[Item, Answer]):
    """Runs `run(items) -> answers`, answer i belonging to item i."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        max_batch: int,
        max_queue: int,
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._waiting: deque[_Entry[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        # Its own: slow decoders may hold all of the event loop's threads.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")

    async def submit(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """Return the answers to all `items`, in order; all are queued or none is."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        if len(self._waiting) + len(items) > self._max_queue:
            self._forget_departed()
        if len(self._waiting) + len(items) > self._max_queue:
            raise Overloaded(f"{len(self._waiting)} items wait already; try again later")
        loop = asyncio.get_running_loop()
        entries = [_Entry(item, loop.create_future(), deadline) for item in items]
        self._waiting.extend(entries)
        if self._worker is None:
            self._worker = loop.create_task(self._drain())
        try:
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
        finally:
            self._worker = None

    async def _answer(self, batch: list[_Entry[Item, Answer]]) -> None:
        try:
            loop, items = asyncio.get_running_loop(), [entry.item for entry in batch]
            answers = await loop.run_in_executor(self._thread, self._run, items)
            pairs = list(zip(batch, answers, strict=True))
        except Exception as error:
            for entry in batch:
                if not entry.future.done():
                    entry.future.set_exception(error)
            return
        for entry, answer in pairs:
            if not entry.future.done():
                entry.future.set_result(answer)

    def _next_batch(self) -> list[_Entry[Item, Answer]]:
        now = asyncio.get_running_loop().time()
        batch: list[_Entry[Item, Answer]] = []
        while self._waiting and len(batch) < self._max_batch:
            entry = self._waiting.popleft()
            if entry.future.done():
                continue
            if entry.deadline <= now:
                entry.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
                continue
            batch.append(entry)
        return batch

    def _forget_departed(self) -> None:
        self._waiting = deque(entry for entry in self._waiting if not entry.future.done())
