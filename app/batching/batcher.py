"""Concurrent items → batches, without a timer.

Items that arrive while a batch runs, or within one turn of the event loop, form the next batch.
Promises:

- a batch has at most `max_batch` items, and no more than are expected to take `batch_seconds`;
- at most `max_queue` items wait, and none longer than `max_queue_seconds` or so (see
  `app.batching.queue_limit`); a request that is over a limit is refused whole, with `Overloaded`,
  at once, or soon where it came while the queue grew too long;
- a caller that is cancelled while it waits costs nothing; one that is cancelled while its batch
  runs does no harm to the other items of the batch;
- an item whose deadline passes in the queue is answered `DeadlineExceeded` and not run;
- an error that `run` returns in an item's place fails that item only; an error that it raises
  fails every item of that batch and of no other;
- an item that is expected to take longer than a whole batch may runs alone, outside the batches, in
  one of a few threads (`app.batching.long_items`);
- an item is decoded only while its memory is taken from the budget (`app.batching.memory_budget`);
  one that has to wait for that leaves its batch and runs alone, and holds up no other;
- after `close()` no item is accepted, and the accepted ones are answered.

Not thread-safe: one event loop owns it. A batch runs in one of three ways: on the event loop, where
several items take less than `inline_seconds` (the way to a thread and back costs more than a small
model); else in a thread of the batcher; a long item alone, in another thread. What an item takes is
measured with every batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic

from app.background import spawn
from app.batching.latency_model import BatchingPolicy, LatencyModel
from app.batching.long_items import LongItems
from app.batching.memory_budget import QUICK, no_bytes
from app.batching.queue_limit import BURST_ITEMS, QueueLimit
from app.batching.waiting_item import Item, Output, WaitingItem, overloaded, refuse_last, settle
from app.errors import DeadlineExceeded, NotReady

RunBatch = Callable[[Sequence[Item]], Sequence[Output | Exception]]
OnBatch = Callable[[int], None]


def no_batch_observer(_items: int) -> None:
    """Observe nothing."""


@dataclass(slots=True, eq=False)
class _Run:
    """A batch in a thread: its start on the clock, and the seconds that it should take.

    One that takes longer than it should is expected to take as long again.
    """

    start: float
    seconds: float

    def rest(self, now: float) -> float:
        return abs(self.start + self.seconds - now)


class Batcher(Generic[Item, Output]):
    """Runs `run(items) -> answers`, where answer i belongs to item i.

    cost: returns an upper estimate of the seconds that an item takes, from the item itself. What
    items usually take is learned. clock: returns seconds. on_batch: is called on the event loop
    with the number of items of each batch, before it runs. decode_bytes: returns the memory that
    decoding an item takes, and raises for one that may take no such amount.
    """

    def __init__(
        self,
        run: RunBatch[Item, Output],
        policy: BatchingPolicy,
        cost: Callable[[Item], float],
        clock: Callable[[], float] = time.perf_counter,
        on_batch: OnBatch = no_batch_observer,
        decode_bytes: Callable[[Item], int] = no_bytes,
    ) -> None:
        self._run = run
        self._policy = policy
        self._cost = cost
        self._clock = clock
        self._on_batch = on_batch
        self._decode_bytes = decode_bytes
        self._memory = policy.memory
        self._latency = LatencyModel(policy)
        self._limit = QueueLimit(policy.max_queue_seconds, clock)
        self._always = self._limit.shortest  # seconds that an item may always wait
        self._queue: deque[WaitingItem[Item, Output]] = deque()
        self._runs: list[_Run] = []  # the batches in threads
        self._active = 0  # chains of batches, each of which ends when the queue is empty
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        # Not the event loop's threads: slow decoders may hold all of these.
        self._threads = ThreadPoolExecutor(
            policy.max_concurrent_batches, thread_name_prefix="batcher"
        )
        self._long = LongItems(
            self._outcomes, policy.long_item_threads, policy.max_queue_seconds, clock, policy.memory
        )

    @property
    def queued_items(self) -> int:
        """The items that wait."""
        return len(self._queue) + self._long.waiting

    @property
    def queued_seconds(self) -> float:
        """How long an item that came now would wait for a batch, as far as batches are known."""
        ahead = len(self._queue) * self._latency.item_seconds
        for run in self._runs:
            ahead += run.rest(self._clock())
        return ahead / self._policy.max_concurrent_batches

    def require_room(self, left: float) -> None:
        """Raise `Overloaded` where an item that came now would wait too long, or be too late.

        left: seconds until its deadline.
        """
        wait = self.queued_seconds
        if wait <= self._always and wait <= left:  # what most requests pay
            return
        each = self._latency.item_seconds / self._policy.max_concurrent_batches
        limit = self._limit.now(each)
        longest = min(limit, left) if left > 0 else limit
        if wait <= longest:
            return
        self._forget_cancelled()
        if (wait := self.queued_seconds) > limit:
            self._shorten(each)
        if wait > longest:
            raise overloaded(self.queued_items)

    async def submit(
        self, items: Sequence[Item], deadline: float, *, admitted: bool = False
    ) -> list[Output]:
        """Return the answers to all `items`, in order; either all are accepted or none is.

        deadline: seconds on the event loop's clock. admitted: the items continue what was accepted
        before, so only the number of waiting items is limited. Raises `NotReady` after `close`,
        `Overloaded` when the queue is full, what `decode_bytes` raises, and the first error of any
        of the items, among them `MemoryTaken`.
        """
        self._require_places(len(items))
        loop, most = asyncio.get_running_loop(), self._policy.batch_seconds
        ahead = 0 if admitted else len(self._queue)
        entries, long = [], []
        for item in items:
            entry = WaitingItem(item, self._cost(item), loop.create_future(), deadline, ahead)
            entries.append(entry)
            if entry.cost > QUICK:  # this comparison is all that a small item pays
                entry.memory = self._decode_bytes(item)
            if entry.cost > most:
                long.append(entry)
        if not admitted:
            self._limit.request(len(entries))
            left = deadline - loop.time()
            if len(long) < len(entries):
                self.require_room(left)
            if long:
                self._long.require_room(left)
        self._queue.extend((e for e in entries if e.cost <= most) if long else entries)
        ahead = 0 if admitted else len(self._long)
        for entry in long:
            self._run_alone(entry, ahead)
        self._start_batches()
        try:
            if len(entries) == 1:
                return [await entries[0].future]
            return list(await asyncio.gather(*(entry.future for entry in entries)))
        finally:  # when one item failed or the caller was cancelled, its others need not run
            for entry in entries:
                entry.future.cancel()

    def _start_batches(self) -> None:
        if self._queue and self._active < self._policy.max_concurrent_batches:
            self._active += 1
            self._limit.work()
            asyncio.get_running_loop().call_soon(self._run_next_batch)

    def _run_alone(self, entry: WaitingItem[Item, Output], ahead: int) -> None:
        entry.ahead = ahead
        self._on_batch(1)
        spawn(self._long.accept(entry), self._tasks)

    async def close(self) -> None:
        """Accept no more items and wait until the accepted ones are answered."""
        self._closed = True
        while self._tasks or self._active:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))
        self._threads.shutdown(wait=False)
        self._long.close()

    def _require_places(self, count: int) -> None:
        """Raise unless so many more items may be queued."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        if len(self._queue) + len(self._long) + count > self._policy.max_queue:
            self._forget_cancelled()
            if len(self._queue) + len(self._long) + count > self._policy.max_queue:
                raise overloaded(self.queued_items)

    def _forget_cancelled(self) -> None:
        self._queue = deque(entry for entry in self._queue if not entry.future.done())

    def _run_next_batch(self) -> None:
        """Run one batch, and schedule the next one: other work has its turn between the two."""
        if len(self._queue) > BURST_ITEMS:
            each = self._latency.item_seconds / self._policy.max_concurrent_batches
            if self.queued_seconds > self._limit.burst(each):
                self._shorten(each)  # items take longer than they seemed to
        batch = self._take_batch()
        if not batch:
            self._active -= 1
            if not self._active:
                self._limit.rest()
            return
        self._on_batch(len(batch))
        if self._fits_inline(batch):
            self._finish(batch, self._measured([entry.item for entry in batch]))
        else:
            spawn(self._run_in_thread(batch), self._tasks)

    async def _run_in_thread(self, batch: Sequence[WaitingItem[Item, Output]]) -> None:
        """Run a batch in a thread of the batcher."""
        items = [entry.item for entry in batch]
        run = _Run(self._clock(), len(items) * self._latency.item_seconds)
        self._runs.append(run)
        loop = asyncio.get_running_loop()
        try:
            memory = max(entry.memory for entry in batch)
            outcomes = await loop.run_in_executor(self._threads, self._measured, items, memory)
        except Exception as error:  # no thread can be started
            outcomes = [error] * len(items)
        self._runs.remove(run)
        self._finish(batch, outcomes)

    def _finish(
        self, batch: Sequence[WaitingItem[Item, Output]], outcomes: Sequence[Output | Exception]
    ) -> None:
        """Give back the memory of a batch, answer its items, and schedule the next batch."""
        for entry in batch:
            if entry.memory:
                self._memory.give_back(entry.memory)
        settle(batch, outcomes)
        asyncio.get_running_loop().call_soon(self._run_next_batch)

    def _shorten(self, each: float) -> None:
        """Refuse the items that came last, as they take so many seconds each."""
        self._limit.refuse()
        if each:
            refuse_last(self._queue, self._limit.standing(each) / each)
            self._forget_cancelled()

    def _take_batch(self) -> list[WaitingItem[Item, Output]]:
        """Remove the next batch from the queue; return an empty one if no item waits."""
        now, most, seconds = asyncio.get_running_loop().time(), self._latency.max_items, 0.0
        batch: list[WaitingItem[Item, Output]] = []
        while self._queue and len(batch) < most:
            entry = self._queue[0]
            if not entry.future.done():
                if entry.deadline <= now:
                    entry.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
                else:
                    seconds += entry.cost
                    if batch and seconds > self._latency.max_seconds:
                        break
                    if not entry.memory or self._memory.take_now(entry.memory):
                        batch.append(entry)
                    else:
                        self._run_alone(entry, len(self._long))
            self._queue.popleft()
        return batch

    def _fits_inline(self, batch: Sequence[WaitingItem[Item, Output]]) -> bool:
        usual, most = self._latency.item_seconds, self._policy.inline_seconds
        return self._latency.is_fast and sum(max(entry.cost, usual) for entry in batch) <= most

    def _measured(self, items: Sequence[Item], memory: int = 0) -> Sequence[Output | Exception]:
        """Run a batch; learn how long it took, unless it failed. memory: of the largest item."""
        start = self._clock()
        outcomes = self._outcomes(items)
        if any(not isinstance(outcome, Exception) for outcome in outcomes):
            self._latency.observe(len(items), self._clock() - start)
        self._memory.tidy(memory)
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
