"""Concurrent items → batches, without a timer.

Whatever arrives while a batch runs, or within one turn of the event loop, forms the next
one. Promises:

- at most `max_batch` items run together, and no more than are expected to take
  `batch_seconds`; at most `max_queue` wait, one more is refused at once with `Overloaded`;
- a caller that is cancelled while waiting costs nothing, and one cancelled while its
  batch runs harms no neighbour;
- an item whose deadline passed while waiting is answered `DeadlineExceeded`, not run;
- an error that `run` returns in an item's place is that item's alone; one that it raises
  reaches every caller of that batch and no other;
- an item that is expected to take longer than a whole batch may runs beside them, alone;
- after `close()` nothing new is taken, and what was taken is answered.

Not thread-safe: one event loop owns it. `run` is called in a thread of the batcher's own,
or on the event loop where several items take less than `inline_seconds`: the way to a thread
and back costs more than a small model. What an item takes is measured with every batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.batching.latency_model import Bounds, Pace
from app.errors import DeadlineExceeded, NotReady, Overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Run = Callable[[Sequence[Item]], Sequence[Answer | Exception]]


@dataclass(slots=True)
class _Entry(Generic[Item, Answer]):
    item: Item
    cost: float  # seconds
    future: asyncio.Future[Answer]
    deadline: float  # seconds on the loop's clock


class Batcher(Generic[Item, Answer]):
    """Runs `run(items) -> answers`, answer i belonging to item i.

    `cost` estimates, from above, the seconds that an item takes for what it is; what items
    usually take is learned.
    """

    def __init__(
        self, run: Run[Item, Answer], bounds: Bounds, cost: Callable[[Item], float]
    ) -> None:
        self._run = run
        self._bounds = bounds
        self._cost = cost
        self._pace = Pace(bounds)
        self._waiting: deque[_Entry[Item, Answer]] = deque()
        self._draining = 0  # lanes in use
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        # Its own: slow decoders may hold all of the event loop's threads.
        self._threads = ThreadPoolExecutor(bounds.lanes, thread_name_prefix="batcher")

    async def submit(self, items: Sequence[Item], deadline: float) -> list[Answer]:
        """Return the answers to all `items`, in order; all are queued or none is."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        if len(self._waiting) + len(items) > self._bounds.max_queue:
            self._forget_departed()
        if len(self._waiting) + len(items) > self._bounds.max_queue:
            raise Overloaded(f"{len(self._waiting)} items wait already; try again later")
        future = asyncio.get_running_loop().create_future
        entries = [_Entry(item, self._cost(item), future(), deadline) for item in items]
        for entry in entries:
            if entry.cost > self._bounds.batch_seconds:
                self._begin(self._beside(entry))
            else:
                self._waiting.append(entry)
        if self._waiting and self._draining < self._bounds.lanes:
            self._draining += 1
            asyncio.get_running_loop().call_soon(self._drain)
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
        while self._tasks or self._draining:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))
        self._threads.shutdown(wait=False)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drain(self) -> None:
        """Run the next batch, and then see to the one after it; others have their turn between."""
        batch = self._next_batch()
        if not batch:
            self._draining -= 1
        elif self._is_quick(batch):
            _settle(batch, self._timed([entry.item for entry in batch]))
            asyncio.get_running_loop().call_soon(self._drain)
        else:
            self._begin(self._in_thread(batch))

    async def _in_thread(self, batch: Sequence[_Entry[Item, Answer]]) -> None:
        items = [entry.item for entry in batch]
        loop = asyncio.get_running_loop()
        _settle(batch, await loop.run_in_executor(self._threads, self._timed, items))
        loop.call_soon(self._drain)

    async def _beside(self, entry: _Entry[Item, Answer]) -> None:
        """Answer one item in a thread of the event loop's, unless nobody waits by then."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, self._outcomes, [entry.item])
        entry.future.add_done_callback(lambda _: work.cancel())
        with suppress(asyncio.CancelledError):
            _settle([entry], await work)

    def _is_quick(self, batch: Sequence[_Entry[Item, Answer]]) -> bool:
        expected = sum(max(entry.cost, self._pace.seconds) for entry in batch)
        return self._pace.quick and expected <= self._bounds.inline_seconds

    def _timed(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        begun = time.perf_counter()
        outcomes = self._outcomes(items)
        self._pace.learn(len(items), time.perf_counter() - begun)
        return outcomes

    def _outcomes(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        try:
            outcomes = self._run(items)
        except Exception as error:
            return [error] * len(items)
        if len(outcomes) != len(items):
            return [ValueError(f"{len(outcomes)} answers to {len(items)} items")] * len(items)
        return outcomes

    def _next_batch(self) -> list[_Entry[Item, Answer]]:
        """Take the next batch out of the queue; empty when nobody waits."""
        now, most, seconds = asyncio.get_running_loop().time(), self._pace.most, 0.0
        taken: list[_Entry[Item, Answer]] = []
        while self._waiting and len(taken) < most:
            entry = self._waiting[0]
            if not entry.future.done():
                if entry.deadline <= now:
                    entry.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
                else:
                    seconds += entry.cost
                    if taken and seconds > self._pace.allowed:
                        break
                    taken.append(entry)
            self._waiting.popleft()
        return taken

    def _forget_departed(self) -> None:
        self._waiting = deque(entry for entry in self._waiting if not entry.future.done())


def _settle(batch: Sequence[_Entry[Item, Answer]], outcomes: Sequence[Answer | Exception]) -> None:
    for entry, outcome in zip(batch, outcomes, strict=True):
        if entry.future.done():
            continue
        if isinstance(outcome, Exception):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)
