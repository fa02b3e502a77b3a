"""The budget by itself, and how the batcher keeps to it."""

import asyncio
import threading

import pytest

from app.batching.batcher import Batcher
from app.batching.latency_model import BatchingPolicy
from app.batching.memory_budget import LARGE, QUICK, MemoryBudget
from app.errors import MemoryTaken
from tests.app.batching.test_batcher import Gated

pytestmark = pytest.mark.anyio
LONG = 60.0


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def taking(budget: MemoryBudget, size: int, seconds: float = LONG) -> tuple:
    """Return the task that takes so many bytes, after its first step, and its item's future."""
    wanted = loop().create_future()
    task = loop().create_task(budget.take(size, loop().time() + seconds, wanted))
    await asyncio.sleep(0)
    return task, wanted


async def test_who_came_first_is_served_first() -> None:
    budget = MemoryBudget(100)
    assert budget.take_now(60)
    large, _ = await taking(budget, 90)
    small, _ = await taking(budget, 10)
    assert not budget.take_now(1), "nobody overtakes"
    assert (budget.taken, budget.waiting) == (60, 2)
    budget.give_back(60)
    assert await large and await small
    assert (budget.taken, budget.waiting) == (100, 0)


async def test_no_limit() -> None:
    assert MemoryBudget().take_now(10**15)


async def test_time_is_up() -> None:
    budget = MemoryBudget(100)
    budget.take_now(60)
    late, _ = await taking(budget, 50, 0.0)
    following, _ = await taking(budget, 40)
    with pytest.raises(MemoryTaken, match="try again"):
        await late
    assert await following, "it had waited for the other only"
    assert (budget.taken, budget.waiting) == (100, 0)


async def test_who_leaves_takes_nothing() -> None:
    budget = MemoryBudget(100)
    budget.take_now(100)
    first, wanted = await taking(budget, 50)
    second, gone = await taking(budget, 50)
    gone.cancel()
    assert not await second
    budget.give_back(100)
    wanted.cancel()  # at the same moment as it gets its memory
    assert not await first
    assert (budget.taken, budget.waiting) == (0, 0)


def batcher_of(run, budget: MemoryBudget, cost: float = 2 * QUICK, **policy) -> Batcher:
    """Return a batcher whose items are as many bytes as their number says."""
    policy = {"batch_seconds": 60, "inline_seconds": 0, "memory": budget, **policy}
    return Batcher(
        run, BatchingPolicy(4, 8, **policy), lambda _: cost, decode_bytes=lambda item: item
    )


async def sent(batcher: Batcher, *items: int) -> asyncio.Task:
    task = loop().create_task(batcher.submit(items, loop().time() + LONG))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_items_of_a_batch_have_their_memory_or_run_alone_later() -> None:
    budget, run = MemoryBudget(100), Gated()
    batcher = batcher_of(run, budget)
    task = await sent(batcher, 40, 50, 60)
    await run.running()
    assert (run.batches, budget.taken, budget.waiting) == ([[40, 50]], 90, 1)
    small = await sent(batcher, 5)
    run.gate.release()
    await run.running()
    await run.running()
    assert run.batches[1:] in ([[60], [5]], [[5], [60]])
    run.gate.release(2)
    assert await task == [80, 100, 120]
    assert await small == [10]
    assert (budget.taken, budget.waiting) == (0, 0)


@pytest.mark.parametrize("policy", [{}, {"batch_seconds": 0}, {"inline_seconds": 60}])
async def test_memory_is_given_back_after_every_way_to_run(policy: dict) -> None:
    budget = MemoryBudget(100)

    def run(items):
        if 13 in items:
            raise ValueError("13")
        return list(items)

    batcher = batcher_of(run, budget, **policy)
    for _ in range(5):
        assert await batcher.submit([30, 40, 90], loop().time() + LONG) == [30, 40, 90]
        with pytest.raises(ValueError, match="13"):
            await batcher.submit([13], loop().time() + LONG)
    assert (budget.taken, budget.waiting) == (0, 0)


async def test_the_thread_of_a_large_item_returns_its_memory_to_the_system() -> None:
    released: list[str] = []
    budget = MemoryBudget(4 * LARGE, lambda: released.append(threading.current_thread().name))
    batcher = batcher_of(list, budget, batch_seconds=0)
    assert await batcher.submit([LARGE, LARGE - 1], loop().time() + LONG) == [LARGE, LARGE - 1]
    assert [name.startswith("long-item") for name in released] == [True]


async def test_the_thread_of_a_batch_with_a_large_item_does_too() -> None:
    released: list[str] = []
    budget = MemoryBudget(4 * LARGE, lambda: released.append(threading.current_thread().name))
    batcher = batcher_of(list, budget)
    for sizes, times in (([LARGE - 1] * 3, 0), ([1, LARGE, LARGE], 1)):
        assert await batcher.submit(sizes, loop().time() + LONG) == sizes
        assert [name.startswith("batcher") for name in released] == [True] * times


async def test_a_caller_that_leaves_returns_the_memory_when_its_thread_ends() -> None:
    budget, run = MemoryBudget(100), Gated()
    batcher = batcher_of(run, budget, batch_seconds=0)
    leaving, waiting = await sent(batcher, 80), await sent(batcher, 70)
    await run.running()
    leaving.cancel()
    await asyncio.sleep(0)
    assert (run.batches, budget.taken) == ([[80]], 80), "the thread still holds it"
    run.gate.release()
    await run.running()
    assert (run.batches, budget.taken) == ([[80], [70]], 70)
    run.gate.release()
    assert await waiting == [140]
    assert budget.taken == 0


async def test_an_item_that_leaves_while_it_waits_is_not_run() -> None:
    budget, run = MemoryBudget(100), Gated()
    batcher = batcher_of(run, budget, batch_seconds=0)
    running, leaving = await sent(batcher, 80), await sent(batcher, 70)
    await run.running()
    leaving.cancel()
    await asyncio.sleep(0)
    run.gate.release()
    assert await running == [160]
    await batcher.close()
    assert (run.batches, budget.taken, budget.waiting) == ([[80]], 0, 0)


async def test_an_item_that_could_not_be_decoded_in_time_is_refused() -> None:
    budget = MemoryBudget(100)
    batcher = batcher_of(list, budget, cost=1.0, batch_seconds=0)
    budget.take_now(50)
    with pytest.raises(MemoryTaken):
        await batcher.submit([80], loop().time() + 0.9)
    assert await batcher.submit([50], loop().time() + 0.9) == [50]
    assert budget.taken == 50


async def test_an_item_that_costs_little_takes_nothing() -> None:
    budget = MemoryBudget(0)
    assert await batcher_of(list, budget, cost=QUICK).submit([90], loop().time() + LONG) == [90]


async def test_without_threads_every_item_gets_an_error(monkeypatch) -> None:
    budget = MemoryBudget(100)

    def none_left(*_):
        raise RuntimeError("can't start new thread")

    for policy in ({}, {"batch_seconds": 0}):
        batcher = batcher_of(list, budget, **policy)
        with monkeypatch.context() as patch:
            patch.setattr("concurrent.futures.ThreadPoolExecutor.submit", none_left)
            for _ in range(2):
                with pytest.raises(RuntimeError, match="thread"):
                    await batcher.submit([10], loop().time() + LONG)
        assert await batcher.submit([10], loop().time() + LONG) == [10], "it works again"
    assert budget.taken == 0
