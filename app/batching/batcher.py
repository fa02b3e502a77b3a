"""Concurrent items → batches, without a timer.

Items that arrive while a batch runs, or within one turn of the event loop, form the next batch.
Promises:

- a batch has at most `max_batch` items, and no more than are expected to take `batch_seconds`;
- at most `max_queue` items wait; a request with one more is refused at once, whole, with
  `Overloaded`;
- a caller that is cancelled while it waits costs nothing; one that is cancelled while its batch
  runs does no harm to the other items of the batch;
- an item whose deadline passes in the queue is answered `DeadlineExceeded` and not run;
- an error that `run` returns in an item's place fails that item only; an error that it raises
  fails every item of that batch and of no other;
- an item that is expected to take longer than a whole batch may runs alone, outside the batches;
- after `close()` no item is accepted, and the accepted ones are answered.

Not thread-safe: one event loop owns it. A batch runs in one of three ways: on the event loop, where
several items take less than `inline_seconds` (the way to a thread and back costs more than a small
model); else in a thread of the batcher; a long item alone, in a thread of the event loop. What an
item takes is measured with every batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.batching.latency_model import BatchingPolicy, LatencyModel
from app.errors import DeadlineExceeded, NotReady, Overloaded

Item = TypeVar("Item")
Output = TypeVar("Output")
RunBatch = Callable[[Sequence[Item]], Sequence[Output | Exception]]
OnBatch = Callable[[int], None]


def no_batch_observer(_items: int) -> None:
    """Observe nothing."""


@dataclass(slots=True)
class _Entry(Generic[Item, Output]):
    item: Item
    cost: float  # seconds
    future: asyncio.Future[Output]
    deadline: float  # seconds on the loop's clock


class Batcher(Generic[Item, Output]):
    """Runs `run(items) -> answers`, where answer i belongs to item i.

    cost: returns an upper estimate of the seconds that an item takes, from the item itself. What
    items usually take is learned. clock: returns seconds. on_batch: is called on the event loop
    with the number of items of each batch, before it runs.
    """

    def __init__(
        self,
        run: RunBatch[Item, Output],
        policy: BatchingPolicy,
        cost: Callable[[Item], float],
        clock: Callable[[], float] = time.perf_counter,
        on_batch: OnBatch = no_batch_observer,
    ) -> None:
        self._run = run
        self._policy = policy
        self._cost = cost
        self._clock = clock
        self._on_batch = on_batch
        self._latency = LatencyModel(policy)
        self._queue: deque[_Entry[Item, Output]] = deque()
        self._active = 0  # chains of batches, each of which ends when the queue is empty
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        # Not the event loop's threads: slow decoders may hold all of these.
        self._threads = ThreadPoolExecutor(
            policy.max_concurrent_batches, thread_name_prefix="batcher"
        )

    @property
    def queued_items(self) -> int:
        """The items that wait for a batch."""
        return len(self._queue)

    @property
    def queued_seconds(self) -> float:
        """The time that those items are expected to take."""
        usual = self._latency.item_seconds
        return sum(max(entry.cost, usual) for entry in self._queue)

    async def submit(self, items: Sequence[Item], deadline: float) -> list[Output]:
        """Return the answers to all `items`, in order; either all are accepted or none is.

        deadline: seconds on the event loop's clock. Raises `NotReady` after `close`, `Overloaded`
        when the queue is full, and the first error of any of the items.
        """
        self._admit(len(items))
        future = asyncio.get_running_loop().create_future
        entries = [_Entry(item, self._cost(item), future(), deadline) for item in items]
        for entry in entries:
            if entry.cost > self._policy.batch_seconds:
                self._spawn(self._run_alone(entry))
            else:
                self._queue.append(entry)
        if self._queue and self._active < self._policy.max_concurrent_batches:
            self._active += 1
            asyncio.get_running_loop().call_soon(self._run_next_batch)
        try:
            if len(entries) == 1:
                return [await entries[0].future]
            return list(await asyncio.gather(*(entry.future for entry in entries)))
        finally:  # when one item failed or the caller was cancelled, its others need not run
            for entry in entries:
                entry.future.cancel()

    async def close(self) -> None:
        """Accept no more items and wait until the accepted ones are answered."""
        self._closed = True
        while self._tasks or self._active:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))
        self._threads.shutdown(wait=False)

    def _admit(self, count: int) -> None:
        """Raise unless so many more items may be queued."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        if len(self._queue) + count > self._policy.max_queue:
            self._queue = deque(entry for entry in self._queue if not entry.future.done())
            if len(self._queue) + count > self._policy.max_queue:
                raise Overloaded(f"{len(self._queue)} items wait already; try again later")

    def _run_next_batch(self) -> None:
        """Run one batch, and schedule the next one: other work has its turn between the two."""
        batch = self._take_batch()
        if batch:
            self._on_batch(len(batch))
        if not batch:
            self._active -= 1
        elif self._fits_inline(batch):
            self._run_inline(batch)
        else:
            self._spawn(self._run_in_thread(batch))

    def _run_inline(self, batch: Sequence[_Entry[Item, Output]]) -> None:
        """Run a batch on the event loop."""
        _settle(batch, self._measured([entry.item for entry in batch]))
        asyncio.get_running_loop().call_soon(self._run_next_batch)

    async def _run_in_thread(self, batch: Sequence[_Entry[Item, Output]]) -> None:
        """Run a batch in a thread of the batcher."""
        items = [entry.item for entry in batch]
        loop = asyncio.get_running_loop()
        _settle(batch, await loop.run_in_executor(self._threads, self._measured, items))
        loop.call_soon(self._run_next_batch)

    async def _run_alone(self, entry: _Entry[Item, Output]) -> None:
        """Run one long item in a thread of the event loop, unless its caller is gone."""
        self._on_batch(1)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, self._outcomes, [entry.item])
        entry.future.add_done_callback(lambda _: work.cancel())
        with suppress(asyncio.CancelledError):
            _settle([entry], await work)

    def _take_batch(self) -> list[_Entry[Item, Output]]:
        """Remove the next batch from the queue; return an empty one if no item waits."""
        now, most, seconds = asyncio.get_running_loop().time(), self._latency.max_items, 0.0
        batch: list[_Entry[Item, Output]] = []
        while self._queue and len(batch) < most:
            entry = self._queue[0]
            if not entry.future.done():
                if entry.deadline <= now:
                    entry.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
                else:
                    seconds += entry.cost
                    if batch and seconds > self._latency.max_seconds:
                        break
                    batch.append(entry)
            self._queue.popleft()
        return batch

    def _fits_inline(self, batch: Sequence[_Entry[Item, Output]]) -> bool:
        if not self._latency.is_fast:
            return False
        usual = self._latency.item_seconds
        return sum(max(entry.cost, usual) for entry in batch) <= self._policy.inline_seconds

    def _measured(self, items: Sequence[Item]) -> Sequence[Output | Exception]:
        """Run a batch, and learn how long it took."""
        start = self._clock()
        outcomes = self._outcomes(items)
        self._latency.observe(len(items), self._clock() - start)
        return outcomes

    def _outcomes(self, items: Sequence[Item]) -> Sequence[Output | Exception]:
        """Return one answer or error for each item, whatever `run` does."""
        try:
            outcomes = self._run(items)
        except Exception as error:
            return [error] * len(items)
        if len(outcomes) != len(items):
            return [ValueError(f"{len(outcomes)} answers to {len(items)} items")] * len(items)
        return outcomes

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task and keep it until it is done: the event loop holds no reference to it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settle(batch: Sequence[_Entry[Item, Output]], outcomes: Sequence[Output | Exception]) -> None:
    """Give each caller that still waits its answer or error."""
    for entry, outcome in zip(batch, outcomes, strict=True):
        if entry.future.done():
            continue
        if isinstance(outcome, Exception):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)
