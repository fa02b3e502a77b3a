"""Every promise of the batcher's docstring."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from app.batching.batcher import Batcher
from app.batching.latency_model import Bounds
from app.errors import DeadlineExceeded, NotReady, Overloaded

pytestmark = pytest.mark.anyio
NEVER = float("inf")


def free(item: float) -> float:
    """An item that tells nothing of what it costs."""
    return 0.0


class Gated:
    """Doubles numbers, each batch when it is let; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.begun.release()
        assert self.gate.acquire(timeout=20)
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]

    async def running(self) -> None:
        """Wait until one more batch runs."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=20)


def batcher_of(run, max_batch: int = 4, max_queue: int = 8) -> Batcher:
    # How long a gated run takes says nothing: it neither bounds a batch nor moves it to the loop.
    return Batcher(run, Bounds(max_batch, max_queue, batch_seconds=60, inline_seconds=0), free)


async def submitted(batcher: Batcher, *items: int, deadline: float = NEVER) -> asyncio.Task:
    task = asyncio.create_task(batcher.submit(items, deadline))
    await asyncio.sleep(0)
    return task


async def test_answers_belong_to_their_items_in_order() -> None:
    batcher = batcher_of(lambda items: [2 * item for item in items], max_queue=100)
    wanted = [await submitted(batcher, *range(n, n + 9)) for n in range(10)]
    assert [await task for task in wanted] == [[2 * i for i in range(n, n + 9)] for n in range(10)]
    await batcher.close()


async def test_nothing_is_answered_with_nothing() -> None:
    assert await batcher_of(Gated()).submit([], NEVER) == []


async def test_who_arrives_during_a_run_forms_the_next_batch() -> None:
    run = Gated()
    batcher = batcher_of(run)
    tasks = [await submitted(batcher, 0)]
    await run.running()
    tasks += [await submitted(batcher, n) for n in range(1, 7)]
    run.gate.release(3)
    assert [await task for task in tasks] == [[2 * n] for n in range(7)]
    assert run.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_one_too_many_is_refused_at_once_and_whole() -> None:
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


async def test_who_leaves_while_waiting_costs_nothing() -> None:
    run = Gated()
    batcher = batcher_of(run, max_queue=3)
    first = await submitted(batcher, 0)
    await run.running()
    leaving = await submitted(batcher, 1, 2)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    staying = await submitted(batcher, 3, 4)  # there is room again
    run.gate.release(2)
    assert [await first, await staying] == [[0], [6, 8]]
    assert run.batches == [[0], [3, 4]]


async def test_who_leaves_during_the_run_harms_no_neighbour() -> None:
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
    assert await batcher.submit([3], NEVER) == [6], "and it goes on"


async def test_what_is_too_late_is_not_run() -> None:
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


async def test_an_exception_reaches_its_batch_and_no_other() -> None:
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


async def test_a_wrong_number_of_answers_hangs_nobody() -> None:
    batcher = batcher_of(lambda items: [1])
    with pytest.raises(ValueError, match="1 answers to 2 items"):
        await batcher.submit([1, 2], NEVER)
    assert await batcher.submit([1], NEVER) == [1]


async def test_after_close_nothing_is_taken_and_what_was_taken_is_answered() -> None:
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
    await batcher.close()  # once more is no harm


async def test_slow_threads_of_others_do_not_hold_up_a_batch() -> None:
    stop = threading.Event()
    others = [asyncio.create_task(asyncio.to_thread(stop.wait, 20)) for _ in range(64)]
    await asyncio.sleep(0)
    assert await batcher_of(list).submit([1], NEVER) == [1]
    stop.set()
    await asyncio.gather(*others)


async def test_quick_batches_run_on_the_loop_and_slow_ones_in_a_thread() -> None:
    threads: list[bool] = []

    def run(items: Sequence[float]) -> Sequence[float]:
        threads.append(threading.current_thread() is threading.main_thread())
        time.sleep(sum(items))
        return items

    batcher = Batcher(run, Bounds(inline_seconds=0.1), free)
    for seconds in (0.0, 0.0, 0.3, 0.3):
        await batcher.submit([seconds], NEVER)
    # The first is not known to be quick, the third was not known to be slow.
    assert threads == [False, True, True, False]


async def test_a_batch_is_no_longer_than_its_seconds() -> None:
    batches: list[int] = []

    def run(items: Sequence[int]) -> Sequence[int]:
        batches.append(len(items))
        time.sleep(0.05 * len(items))
        return items

    batcher = Batcher(run, Bounds(batch_seconds=0.11, inline_seconds=0), free)
    await batcher.submit([0], NEVER)
    await batcher.submit(range(6), NEVER)
    assert max(batches) <= 2
    assert sum(batches) == 7


async def test_an_error_in_an_items_place_is_its_own() -> None:
    def run(items: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError("bad") if item == 13 else item for item in items]

    batcher = batcher_of(run)
    tasks = [await submitted(batcher, n) for n in (1, 13, 2)]
    with pytest.raises(ValueError, match="bad"):
        await tasks[1]
    assert [await tasks[0], await tasks[2]] == [[1], [2]]


async def test_what_costs_more_than_a_batch_runs_beside() -> None:
    run = Gated()
    batcher = Batcher(run, Bounds(8, 99, batch_seconds=60, inline_seconds=0), cost=float)
    slow = await submitted(batcher, 61)
    await run.running()
    quick = await submitted(batcher, 1)
    await run.running()
    assert run.batches == [[61], [1]]
    run.gate.release(2)
    assert [await slow, await quick] == [[122], [2]]
    await batcher.close()


async def test_items_are_counted_by_what_they_cost() -> None:
    run = Gated()
    batcher = Batcher(run, Bounds(8, 99, batch_seconds=60, inline_seconds=0), cost=float)
    tasks = [await submitted(batcher, 1)]
    await run.running()
    tasks += [await submitted(batcher, seconds) for seconds in (30, 20, 20, 59)]
    run.gate.release(9)
    assert [await task for task in tasks] == [[2], [60], [40], [40], [118]]
    assert run.batches == [[1], [30, 20], [20], [59]]


async def test_several_lanes_run_at_once() -> None:
    run = Gated()
    bounds = Bounds(1, 99, batch_seconds=60, inline_seconds=0, lanes=2)
    batcher = Batcher(run, bounds, free)
    tasks = [await submitted(batcher, n) for n in range(3)]
    await run.running()
    await run.running()
    assert sorted(run.batches) == [[0], [1]]
    run.gate.release(3)
    assert [await task for task in tasks] == [[0], [2], [4]]
    await batcher.close()
