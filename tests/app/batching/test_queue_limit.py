import asyncio
import threading

import pytest

from app.batching.batcher import Batcher
from app.batching.latency_model import BatchingPolicy
from app.batching.queue_limit import (
    BURST_ITEMS,
    REST_SHARE,
    REST_WINDOW,
    STANDING_ITEMS,
    QueueLimit,
)
from app.errors import Overloaded
from tests.app.batching.test_batcher import NEVER, Clock, Gated, free, submitted

pytestmark = pytest.mark.anyio
EACH = 0.1  # seconds that an item takes, as the batcher has learned
STANDING = STANDING_ITEMS


@pytest.mark.parametrize(
    ("item_seconds", "burst", "standing"),
    [(0.0, 1, 0.05), (0.001, 1, 0.05), (0.05, 3.2, 0.2), (1, 64, 4)],
)
def test_the_limits_are_seconds_for_small_items_and_items_for_large_ones(
    item_seconds: float, burst: float, standing: float
) -> None:
    limit = QueueLimit(1.0)
    assert limit.now(item_seconds) == limit.burst(item_seconds) == pytest.approx(burst)
    limit.refuse()
    assert limit.now(item_seconds) == limit.standing(item_seconds) == pytest.approx(standing)


def overloaded(clock: Clock) -> QueueLimit:
    limit = QueueLimit(1.0, clock)
    limit.refuse()
    return limit


def test_the_short_limit_holds_while_there_is_hardly_any_rest() -> None:
    clock = Clock()
    limit = overloaded(clock)
    for _ in range(100):
        limit.rest()
        clock.now += 0.9 * REST_SHARE * REST_WINDOW / 5
        limit.work()
        clock.now += (1 - 0.9 * REST_SHARE) * REST_WINDOW / 5
        assert limit.now(0) == limit.standing(0)


def test_the_long_limit_is_back_once_there_was_rest() -> None:
    clock = Clock()
    limit = overloaded(clock)
    clock.now += 0.9 * REST_WINDOW
    limit.rest()
    assert limit.now(0) == limit.standing(0), "for too short a time"
    clock.now += 1.1 * REST_SHARE * REST_WINDOW
    assert limit.now(0) == limit.burst(0), "it rests still"
    limit.refuse()
    clock.now += REST_WINDOW
    assert limit.now(0) == limit.burst(0), "it has rested since"


def test_rest_before_an_overload_or_long_ago_does_not_count() -> None:
    clock = Clock()
    limit = QueueLimit(1.0, clock)
    limit.rest()
    clock.now += REST_WINDOW
    limit.work()
    limit.refuse()
    clock.now += REST_WINDOW
    assert limit.now(0) == limit.standing(0)
    limit.rest()
    clock.now += 0.9 * REST_SHARE * REST_WINDOW
    limit.work()
    clock.now += REST_WINDOW
    assert limit.now(0) == limit.standing(0), "a little rest"
    clock.now += REST_WINDOW
    limit.rest()
    clock.now += 0.9 * REST_SHARE * REST_WINDOW
    assert limit.now(0) == limit.standing(0), "and a little rest later"


def test_a_usual_request_may_always_wait_for_another_one() -> None:
    limit = overloaded(Clock())
    for _ in range(100):
        limit.request(8)
    assert limit.now(1) == pytest.approx(8, rel=1e-3)
    for _ in range(100):
        limit.request(1)
    assert limit.now(1) == STANDING_ITEMS


class Busy:
    """A batcher that has learned what an item takes, and whose batch runs until it is let go."""

    def __init__(self, **policy) -> None:
        self.run, self.clock = Gated(), Clock()
        self.sizes: list[int] = []
        limits = {"max_batch": 1, "batch_seconds": 60, "inline_seconds": 0} | policy
        self.batcher = Batcher(
            self._timed, BatchingPolicy(**limits), free, self.clock, self.sizes.append
        )

    def _timed(self, items):
        answers = self.run(items)
        self.clock.now += EACH * len(items)
        return answers

    async def start(self) -> asyncio.Task:
        """Learn, and start a batch."""
        self.run.gate.release()
        await self.batcher.submit([1], NEVER)
        await self.run.running()
        first = await submitted(self.batcher, 1)
        await self.run.running()
        return first


async def test_a_burst_is_accepted_as_one_request_and_as_many() -> None:
    for requests in ([range(100, 100 + BURST_ITEMS)], [[100 + n] for n in range(16)]):
        busy = Busy()
        tasks = [await busy.start(), *[await submitted(busy.batcher, *each) for each in requests]]
        busy.run.gate.release(99)
        assert [item for task in tasks[1:] for item in await task] == [
            2 * item for each in requests for item in each
        ]
        await busy.batcher.close()


async def test_an_overload_refuses_what_came_last_and_keeps_the_queue_short() -> None:
    busy = Busy()
    tasks = [await busy.start()]
    tasks += [await submitted(busy.batcher, 100 + n) for n in range(BURST_ITEMS)]
    with pytest.raises(Overloaded):
        await busy.batcher.submit([0], NEVER)  # one too many
    await asyncio.sleep(0)
    refused = [task for task in tasks if task.done()]
    assert refused == tasks[-len(refused) :], "those that came last"
    assert len(tasks) - len(refused) == STANDING + 2, "the running one, and one with 4 ahead of it"
    for task in refused:
        with pytest.raises(Overloaded):
            await task
    assert busy.batcher.queued_items == STANDING + 1
    with pytest.raises(Overloaded):  # the queue is short, but it stands
        busy.batcher.require_room(NEVER)
    busy.run.gate.release(99)
    for task in tasks[: -len(refused)]:
        await task
    assert busy.batcher.queued_items == busy.batcher.queued_seconds == 0
    busy.clock.now += 60  # a burst is one again
    again = [await submitted(busy.batcher, 100 + n) for n in range(2 * STANDING)]
    await asyncio.gather(*again)
    await busy.batcher.close()


async def test_the_wait_is_that_of_the_running_batch_and_of_the_queue() -> None:
    busy = Busy(max_batch=2)
    tasks = [await busy.start()]
    assert busy.batcher.queued_seconds == pytest.approx(EACH)
    tasks.append(await submitted(busy.batcher, 1, 2, 3))
    assert busy.batcher.queued_items == 3
    assert busy.batcher.queued_seconds == pytest.approx(4 * EACH)
    busy.clock.now += 0.07
    assert busy.batcher.queued_seconds == pytest.approx(4 * EACH - 0.07)
    busy.clock.now += 50  # a batch that takes far longer than it should is not expected to end soon
    assert busy.batcher.queued_seconds == pytest.approx(49.97 + 3 * EACH)
    with pytest.raises(Overloaded):
        await busy.batcher.submit([1], NEVER)
    busy.run.gate.release(9)
    await asyncio.gather(*tasks)
    await busy.batcher.close()
    assert busy.sizes == [1, 1, 2, 1]


async def test_an_item_is_refused_where_the_queue_is_longer_than_its_deadline() -> None:
    busy = Busy()
    tasks = [await busy.start(), await submitted(busy.batcher, 1, 2, 3, 4)]
    now = asyncio.get_running_loop().time()
    with pytest.raises(Overloaded):
        await busy.batcher.submit([5], now + 4 * EACH)
    tasks.append(await submitted(busy.batcher, 5, deadline=now + 60))
    busy.run.gate.release(9)
    await asyncio.gather(*tasks)
    await busy.batcher.close()


async def test_a_step_of_an_admitted_request_is_not_refused_in_overload() -> None:
    busy = Busy()
    tasks = [await busy.start()]
    tasks += [await submitted(busy.batcher, 100 + n) for n in range(BURST_ITEMS)]
    with pytest.raises(Overloaded):
        busy.batcher.require_room(NEVER)
    tasks.append(asyncio.create_task(busy.batcher.submit([7], NEVER, admitted=True)))
    busy.run.gate.release(99)
    assert await tasks[-1] == [14]
    await asyncio.gather(*tasks, return_exceptions=True)
    await busy.batcher.close()


async def test_a_queue_that_grew_before_anything_was_learned_is_shortened() -> None:
    busy = Busy(max_batch=4)
    tasks = [await submitted(busy.batcher, 100 + n) for n in range(100)]
    await busy.run.running()
    busy.run.gate.release(99)
    outcomes = [
        outcome[0] if isinstance(outcome, list) else type(outcome)
        for outcome in await asyncio.gather(*tasks, return_exceptions=True)
    ]
    answered = STANDING + 2
    assert outcomes == [200 + 2 * n for n in range(answered)] + [Overloaded] * (100 - answered)
    await busy.batcher.close()


async def test_long_items_run_in_a_few_threads_and_their_wait_is_limited() -> None:
    before = threading.enumerate()
    run = Gated()
    policy = BatchingPolicy(8, 999, batch_seconds=0.05, inline_seconds=0, long_item_threads=2)
    batcher = Batcher(run, policy, cost=float)
    tasks = [await submitted(batcher, 2 * (n + 1)) for n in range(BURST_ITEMS + 2)]
    await run.running()
    await run.running()
    own = {each for each in threading.enumerate() if each not in before}
    assert len([each for each in own if each.name.startswith("long-item")]) == 2
    assert len(run.batches) == 2
    assert batcher.queued_items == BURST_ITEMS
    with pytest.raises(Overloaded):
        await batcher.submit([1], NEVER)
    await asyncio.sleep(0)
    left = [task for task in tasks if not task.done()]
    assert left == tasks[: len(left)]
    assert len(left) == STANDING + 1
    refused = await asyncio.gather(*tasks[len(left) :], return_exceptions=True)
    assert {type(outcome) for outcome in refused} == {Overloaded}
    run.gate.release(99)
    assert [await task for task in left] == [[4 * (n + 1)] for n in range(len(left))]
    assert await batcher.submit([1], NEVER) == [2]
    await batcher.close()


async def test_a_long_item_that_comes_too_late_is_refused_before_any_was_measured() -> None:
    batcher = Batcher(Gated(), BatchingPolicy(batch_seconds=0.05), cost=float)
    with pytest.raises(Overloaded):
        await batcher.submit([1], asyncio.get_running_loop().time() - 1)
    await batcher.close()
