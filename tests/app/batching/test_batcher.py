"""Every promise of the batcher's docstring."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from app.batching.batcher import Batcher
from app.batching.latency_model import BatchingPolicy
from app.errors import DeadlineExceeded, NotReady, Overloaded

pytestmark = pytest.mark.anyio
NEVER = float("inf")


def free(item: float) -> float:
    """The cost of an item that takes no time by itself."""
    return 0.0


class Gated:
    """Doubles numbers, each batch when its gate opens; records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.started.release()
        assert self.gate.acquire(timeout=20)
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]

    async def running(self) -> None:
        """Wait until one more batch runs."""
        assert await asyncio.to_thread(self.started.acquire, timeout=20)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def batcher_of(run, max_batch: int = 4, max_queue: int = 8) -> Batcher:
    # How long a gated run takes must neither limit a batch nor move it to the event loop.
    return Batcher(
        run, BatchingPolicy(max_batch, max_queue, batch_seconds=60, inline_seconds=0), free
    )


async def submitted(batcher: Batcher, *items: int, deadline: float = NEVER) -> asyncio.Task:
    task = asyncio.create_task(batcher.submit(items, deadline))
    await asyncio.sleep(0)
    return task


async def test_answers_belong_to_their_items_in_order() -> None:
    batcher = batcher_of(lambda items: [2 * item for item in items], max_queue=100)
    wanted = [await submitted(batcher, *range(n, n + 9)) for n in range(10)]
    assert [await task for task in wanted] == [[2 * i for i in range(n, n + 9)] for n in range(10)]
    await batcher.close()


async def test_no_items_give_no_answers() -> None:
    assert await batcher_of(Gated()).submit([], NEVER) == []


async def test_items_that_arrive_during_a_run_form_the_next_batches_of_max_batch() -> None:
    run = Gated()
    batcher = batcher_of(run)
    tasks = [await submitted(batcher, 0)]
    await run.running()
    tasks += [await submitted(batcher, n) for n in range(1, 7)]
    run.gate.release(3)
    assert [await task for task in tasks] == [[2 * n] for n in range(7)]
    assert run.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_a_request_that_overfills_the_queue_is_refused_at_once_and_whole() -> None:
    run = Gated()
    batcher = batcher_of(run, max_queue=3)
    first = await submitted(batcher, 0)
    await run.running()
    waiting = await submitted(batcher, 1, 2)
    with pytest.raises(Overloaded):
        await batcher.submit([3, 4], NEVER)
    third = await submitted(batcher, 5)
    run.gate.release(2)
    assert [await first, await waiting, await third] == [[0], [2, 4], [10]]
    assert run.batches == [[0], [1, 2, 5]]


async def test_cancelled_while_queued_is_dropped() -> None:
    run = Gated()
    batcher = batcher_of(run, max_queue=3)
    first = await submitted(batcher, 0)
    await run.running()
    leaving = await submitted(batcher, 1, 2)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    staying = await submitted(batcher, 3, 4)  # the queue has room again
    run.gate.release(2)
    assert [await first, await staying] == [[0], [6, 8]]
    assert run.batches == [[0], [3, 4]]


async def test_cancelled_while_its_batch_runs_harms_no_other_item() -> None:
    run = Gated()
    batcher = batcher_of(run)
    first = await submitted(batcher, 0)
    await run.running()
    leaving, staying = await submitted(batcher, 1), await submitted(batcher, 2)
    run.gate.release()
    await run.running()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    run.gate.release()
    assert [await first, await staying] == [[0], [4]]
    assert run.batches == [[0], [1, 2]]
    run.gate.release()
    assert await batcher.submit([3], NEVER) == [6], "the batcher goes on"


async def test_an_item_past_its_deadline_is_not_run() -> None:
    run = Gated()
    batcher = batcher_of(run)
    first = await submitted(batcher, 0)
    await run.running()
    now = asyncio.get_running_loop().time()
    late, early = await submitted(batcher, 1, deadline=now), await submitted(batcher, 2)
    run.gate.release(2)
    with pytest.raises(DeadlineExceeded):
        await late
    assert [await first, await early] == [[0], [4]]
    assert run.batches == [[0], [2]]


async def test_an_exception_of_run_fails_its_batch_and_no_other() -> None:
    run = Gated()
    batcher = batcher_of(run)
    first = await submitted(batcher, 0)
    await run.running()
    unlucky, neighbour = await submitted(batcher, 13), await submitted(batcher, 1, 2, 3)
    later = await submitted(batcher, 4)
    run.gate.release(3)
    for task in (unlucky, neighbour):
        with pytest.raises(ValueError, match="13"):
            await task
    assert [await first, await later] == [[0], [8]]


async def test_a_wrong_number_of_answers_is_an_error_of_the_batch() -> None:
    batcher = batcher_of(lambda items: [1])
    with pytest.raises(ValueError, match="1 answers to 2 items"):
        await batcher.submit([1, 2], NEVER)
    assert await batcher.submit([1], NEVER) == [1]


async def test_close_refuses_new_items_and_answers_the_accepted_ones() -> None:
    run = Gated()
    batcher = batcher_of(run, max_batch=1)
    tasks = [await submitted(batcher, n) for n in range(3)]
    closing = asyncio.create_task(batcher.close())
    await run.running()
    with pytest.raises(NotReady):
        await batcher.submit([9], NEVER)
    assert not closing.done()
    run.gate.release(3)
    await closing
    assert [task.result() for task in tasks] == [[0], [2], [4]]
    await batcher.close()  # closing twice is allowed


async def test_a_batch_does_not_wait_for_threads_of_the_event_loop() -> None:
    stop = threading.Event()
    others = [asyncio.create_task(asyncio.to_thread(stop.wait, 20)) for _ in range(64)]
    await asyncio.sleep(0)
    assert await batcher_of(list).submit([1], NEVER) == [1]
    stop.set()
    await asyncio.gather(*others)


async def test_fast_batches_run_on_the_event_loop_and_slow_ones_in_a_thread() -> None:
    threads: list[bool] = []

    def run(items: Sequence[float]) -> Sequence[float]:
        threads.append(threading.current_thread() is threading.main_thread())
        clock.now += sum(items)
        return items

    clock = Clock()
    batcher = Batcher(run, BatchingPolicy(inline_seconds=0.1), free, clock)
    for seconds in (0.001, 0.001, 0.3, 0.3):
        await batcher.submit([seconds], NEVER)
    # The first is not known to be fast, the third was not known to be slow.
    assert threads == [False, True, True, False]


async def test_a_batch_takes_no_longer_than_batch_seconds() -> None:
    batches: list[int] = []

    def run(items: Sequence[int]) -> Sequence[int]:
        batches.append(len(items))
        clock.now += 0.05 * len(items)
        return items

    clock = Clock()
    policy = BatchingPolicy(batch_seconds=0.11, inline_seconds=0)
    batcher = Batcher(run, policy, free, clock)
    await batcher.submit([0], NEVER)
    await batcher.submit(range(6), NEVER)
    assert max(batches) == 2
    assert sum(batches) == 7


async def test_an_error_returned_in_an_items_place_fails_that_item_only() -> None:
    def run(items: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError("bad") if item == 13 else item for item in items]

    batcher = batcher_of(run)
    tasks = [await submitted(batcher, n) for n in (1, 13, 2)]
    with pytest.raises(ValueError, match="bad"):
        await tasks[1]
    assert [await tasks[0], await tasks[2]] == [[1], [2]]


async def test_an_item_longer_than_a_whole_batch_runs_alone() -> None:
    run = Gated()
    batcher = Batcher(run, BatchingPolicy(8, 99, batch_seconds=60, inline_seconds=0), cost=float)
    slow = await submitted(batcher, 61)
    await run.running()
    quick = await submitted(batcher, 1)
    await run.running()
    assert run.batches == [[61], [1]]
    run.gate.release(2)
    assert [await slow, await quick] == [[122], [2]]
    await batcher.close()


async def test_a_batch_is_limited_by_the_cost_of_its_items() -> None:
    run = Gated()
    batcher = Batcher(run, BatchingPolicy(8, 99, batch_seconds=60, inline_seconds=0), cost=float)
    tasks = [await submitted(batcher, 1)]
    await run.running()
    tasks += [await submitted(batcher, seconds) for seconds in (30, 20, 20, 59)]
    run.gate.release(9)
    assert [await task for task in tasks] == [[2], [60], [40], [40], [118]]
    assert run.batches == [[1], [30, 20], [20], [59]]


async def test_several_batches_run_at_once_if_the_policy_allows() -> None:
    run = Gated()
    policy = BatchingPolicy(1, 99, batch_seconds=60, inline_seconds=0, max_concurrent_batches=2)
    batcher = Batcher(run, policy, free)
    tasks = [await submitted(batcher, n) for n in range(3)]
    await run.running()
    await run.running()
    assert sorted(run.batches) == [[0], [1]]
    run.gate.release(3)
    assert [await task for task in tasks] == [[0], [2], [4]]
    await batcher.close()
