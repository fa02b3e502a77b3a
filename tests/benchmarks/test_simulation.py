"""The simulation against formulas, against bounds, and against the batcher itself."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from app.batching.batcher import Batcher
from app.batching.latency_model import BatchingPolicy
from benchmarks.curves import H100, T4, line
from benchmarks.optimum import capacity, ceiling, clairvoyant, optimum, sustained
from benchmarks.policies import NEVER, Own, own, timer
from benchmarks.queueing import (
    Cluster,
    anyone,
    better_of_two,
    bursts,
    fewest,
    poisson,
    single,
)

SECONDS = [0.0, *(0.002 + 0.001 * size for size in range(1, 513))]  # a + c·b
ALONE = timer(1, 0.0)


def mean_latency(rate: float, most: int) -> float:
    """Return the exact mean when all who wait run, up to `most`, and arrivals are Poisson.

    A chain over those who wait when a batch begins; the time between two beginnings and what
    all together spend in it give the mean by Little's law.
    """
    states = np.arange(1, 400)
    sizes = np.minimum(states, most)
    took = np.array(SECONDS)[sizes]
    come = np.arange(400)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 400)))])
    chances = np.exp(come * np.log(rate * took)[:, None] - (rate * took)[:, None] - logs)
    steps = np.zeros((len(states), len(states)))
    for row, left in enumerate(states - sizes):
        for number, chance in enumerate(chances[row]):
            steps[row, min(max(left + number, 1), len(states)) - 1] += chance
    share = np.full(len(states), 1 / len(states))
    for _ in range(500):
        share = share @ steps
    idle = np.where(states == sizes, chances[:, 0], 0) / rate
    spent = states * took + rate * took**2 / 2
    return float(share @ spent / (rate * (share @ (took + idle))))


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_without_batching_it_is_the_m_d_1_queue(load: float) -> None:
    service = SECONDS[1]
    outcome = single(SECONDS, ALONE, (poisson(400_000) / (load / service)).tolist())
    waited = np.mean(outcome.latencies) - service
    assert waited == pytest.approx(load * service / (2 * (1 - load)), rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "most"), [(100, 32), (500, 32), (800, 64), (400, 4)])
def test_greedy_batching_has_the_mean_of_its_markov_chain(rate: float, most: int) -> None:
    outcome = single(SECONDS, own(most, batch_seconds=60), (poisson(200_000) / rate).tolist())
    assert np.mean(outcome.latencies) == pytest.approx(mean_latency(rate, most), rel=0.03)


def test_evenly_spaced_requests_wait_for_at_most_one_batch() -> None:
    alone = single(SECONDS, own(), np.arange(100) * 0.004)
    assert alone.latencies == pytest.approx([0.003] * 100)
    fixed = single(SECONDS, timer(4, NEVER), np.arange(100) * 0.01)
    assert fixed.latencies == pytest.approx([0.036, 0.026, 0.016, 0.006] * 25)
    timed = single(SECONDS, timer(8, 0.005), np.arange(100) * 0.02)
    assert timed.latencies == pytest.approx([0.008] * 100)


@pytest.mark.parametrize("arrivals", [poisson(5_000), bursts(5_000)], ids=["even", "bursts"])
@pytest.mark.parametrize("rate", [100, 800, 5_000])
@pytest.mark.parametrize("make", [own(), own(256), ALONE, timer(32, 0.005), timer(8, NEVER)])
def test_every_request_is_answered_refused_or_cancelled_once(arrivals, rate, make) -> None:
    outcome = Cluster(SECONDS, make, (3, 2)).serve((arrivals / rate).tolist(), anyone(), fewest)
    assert len(outcome.latencies) + outcome.refused + outcome.left == 5_000
    assert sum(outcome.batches) == len(outcome.latencies)
    assert outcome.left == 0 or make().patience == NEVER
    assert min(outcome.latencies) > 0.999 * SECONDS[1]


def test_batch_respects_its_limits() -> None:
    outcome = single(SECONDS, own(16, 0.02), (poisson(20_000) / 2_000).tolist())
    assert max(outcome.batches) <= 16
    slow = single([5 * s for s in SECONDS], own(64, 0.052), (poisson(5_000) / 500).tolist())
    assert max(slow.batches) == 8  # and 50 ms, of up to 500 that wait
    assert single(SECONDS, ALONE, [0.0] * 5_000).refused == 5_000 - 2_048 - 1


def test_the_optimum_is_what_formulas_say() -> None:
    assert capacity(SECONDS, 32) == pytest.approx(32 / 0.034)
    # The largest b with (b - 1) / b + 1 runs in 50 ms is 23: 48.9 ms.
    assert optimum(SECONDS, 0.05) == pytest.approx(23 / 0.025)
    assert optimum(SECONDS, 0.0029) == 0
    assert ceiling(SECONDS, 0.05) >= optimum(SECONDS, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0.01, 0.05])
def test_no_policy_beats_the_ceiling_or_the_optimum(limit: float) -> None:
    even = np.arange(1.0, 20_001)
    best = optimum(SECONDS, limit)
    assert clairvoyant(SECONDS, limit, even) == pytest.approx(best, rel=0.02)
    for make in (own(256), ALONE, timer(32, 0.005)):
        assert sustained(SECONDS, make, limit, even) <= 1.02 * best
        assert sustained(SECONDS, make, limit, poisson(20_000)) <= ceiling(SECONDS, limit)


def test_choices_of_a_worker() -> None:
    assert fewest([3, 1, 1]) == 1
    assert {anyone()([0] * 4) for _ in range(1)} <= {0, 1, 2, 3}
    two = better_of_two()
    chosen = [two([5, 0, 5, 5]) for _ in range(4_000)]
    assert chosen.count(1) / 4_000 == pytest.approx(7 / 16, abs=0.03)


def test_informed_choice_of_a_worker_has_a_shorter_tail() -> None:
    arrivals = (poisson(50_000) / 6_000).tolist()
    shape = (8, 1)
    informed, two, blind = (
        np.quantile(Cluster(SECONDS, own(), shape).serve(arrivals, c, fewest).settled(), 0.99)
        for c in (fewest, better_of_two(), anyone())
    )
    assert max(informed, two) < blind


def test_curves_go_through_their_points() -> None:
    for size, seconds in T4.points.items():
        assert T4.seconds()[size] == pytest.approx(seconds)
    assert T4.seconds()[24] == pytest.approx((0.015113 + 0.028353) / 2)
    assert H100.seconds()[256] == pytest.approx(256 / 73_019.22)
    assert line((2, 5.0), (4, 7.0))[1] == pytest.approx(4.0)
    assert np.all(np.diff(T4.seconds()) > 0)
    assert np.all(np.diff(H100.seconds()) > 0)


@pytest.mark.anyio
@pytest.mark.parametrize("rate", [100, 500, 900, 3_000])
async def test_the_batcher_itself_forms_the_same_batches(rate: float) -> None:
    """The service's batcher on the simulation's clock: same arrivals, same batches."""
    arrivals = (poisson(400, seed=3) / rate).tolist()
    bounds = BatchingPolicy(16, 10_000, batch_seconds=0.0173, inline_seconds=0.0)
    expected = single(SECONDS, lambda: Own(bounds), arrivals)

    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    coming, tasks, batches = list(enumerate(arrivals)), [], []
    loop = asyncio.get_running_loop()

    async def come() -> None:
        while coming and coming[0][1] <= clock.now:
            tasks.append(loop.create_task(batcher.submit([coming.pop(0)[0]], NEVER)))
        await asyncio.sleep(0)

    def run(items):
        batches.append(list(items))
        clock.now += SECONDS[len(items)]
        asyncio.run_coroutine_threadsafe(come(), loop).result(timeout=20)
        return items

    batcher = Batcher(run, bounds, cost=lambda item: 0.0, clock=clock.perf_counter)
    while coming:
        clock.now = max(clock.now, coming[0][1])
        await come()
        while running := [task for task in tasks if not task.done()]:
            await asyncio.gather(*running)
    assert [len(batch) for batch in batches] == expected.batches
    assert [item for batch in batches for item in batch] == list(range(400))
    await batcher.close()
