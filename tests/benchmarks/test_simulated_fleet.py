"""The simulation of fleets against that of a cluster, known queues and planned failures."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.nodes import FleetOutcome, Plan
from benchmarks.policies import NEVER, own
from benchmarks.queueing import Cluster, anyone, better_of_two, fewest, poisson
from benchmarks.simulated_fleet import Fleet

SECONDS = [0.0, *(0.002 + 0.001 * size for size in range(1, 513))]
ALONE = own(1)


class Exponential:
    """Batches whose durations are exponential with this mean, whatever their size."""

    def __init__(self, mean: float) -> None:
        self._mean, self._draw = mean, random.Random(7).expovariate

    def __getitem__(self, items: int) -> float:
        return self._mean * self._draw(1.0)


def erlang_c(servers: int, load: float) -> float:
    """Return the chance to wait in the M/M/c queue; load: of all servers together, in servers."""
    terms = [load**n / math.factorial(n) for n in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


def ready_share(outcome: FleetOutcome, end: float, nodes: int) -> float:
    steps = [*((when, ready) for when, ready, _ in outcome.nodes), (end, 0)]
    return sum(ready * (then - when) for (when, ready), (then, _) in pairwise(steps)) / end / nodes


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (4, 1), (3, 2)])
@pytest.mark.parametrize("front", [anyone, better_of_two, lambda: fewest])
@pytest.mark.parametrize("rate", [200, 1_500, 6_000])
def test_without_failures_it_is_the_simulation_of_a_cluster(shape, front, rate) -> None:
    arrivals = (poisson(4_000) / rate).tolist()
    expected = Cluster(SECONDS, own(), shape).serve(arrivals, front(), fewest)
    found = Fleet(SECONDS, own(), Plan(*shape)).serve(arrivals, front(), fewest)
    assert sorted(found.latencies) == pytest.approx(sorted(expected.latencies))
    assert sorted(found.batches) == sorted(expected.batches)
    assert (found.refused, found.lost) == (expected.refused, 0)
    assert found.end == pytest.approx(expected.end)
    assert found.node_seconds == pytest.approx(shape[0] * expected.end)


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_random_nodes_are_m_m_1_queues(load: float) -> None:
    mean, nodes = 0.01, 5
    arrivals = (poisson(400_000) * mean / (load * nodes)).tolist()
    plan = Plan(nodes, 1)
    outcome = Fleet(Exponential(mean), ALONE, plan).serve(arrivals, anyone(), fewest)
    assert np.mean(outcome.settled()) == pytest.approx(mean / (1 - load), rel=0.06)


@pytest.mark.slow
def test_an_informed_choice_lies_between_m_m_1_and_m_m_c() -> None:
    mean, nodes, load = 0.01, 5, 0.8
    arrivals = (poisson(400_000) * mean / (load * nodes)).tolist()
    outcome = Fleet(Exponential(mean), ALONE, Plan(nodes, 1)).serve(arrivals, fewest, fewest)
    one_queue = mean + erlang_c(nodes, load * nodes) * mean / (nodes * (1 - load))
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert one_queue < np.mean(outcome.settled()) < 0.5 * mean / (1 - load)


def test_a_failure_loses_what_is_there_and_what_comes_until_it_is_noticed() -> None:
    arrivals = (0.001 + 0.01 * np.arange(3_000)).tolist()  # 100 a second, one after the other

    def in_turn():
        turn = [0]

        def choose(loads):
            turn[0] += 1
            return turn[0] % len(loads)

        return choose

    plan = Plan(2, 1, start=5.0, notice=4.0, failures=[(10.0, 0)])
    outcome = Fleet(SECONDS, own(), plan).serve(arrivals, in_turn(), fewest)
    assert outcome.lost == 200  # half of 4 s; nothing was in hand at that moment
    assert len(outcome.latencies) == 2_800 and outcome.refused == 0
    assert [(when, ready) for when, ready, _ in outcome.nodes] == [
        (0.0, 1), (0.0, 2), (10.0, 1), (14.0, 1), (14.0, 1), (19.0, 2)
    ]  # fmt: skip
    everything = 2 * outcome.end - 0.0
    assert outcome.node_seconds == pytest.approx(everything)  # one ends, one begins, at 14 s


def test_a_failure_in_the_middle_of_a_batch_loses_it_and_its_queue() -> None:
    slow = [0.0] + [1.0] * 512
    plan = Plan(1, 1, start=1.0, notice=0.5, failures=[(2.5, 0)])
    outcome = Fleet(slow, own(1), plan).serve([0.1, 2.1, 2.2, 2.7, 5.0], fewest, fewest)
    # Answered: the first and the last. Lost: the batch, the one that waits, the one that comes.
    assert outcome.latencies == pytest.approx([1.0, 1.0])
    assert outcome.lost == 3


@pytest.mark.slow
def test_nodes_are_up_for_their_share_of_the_time() -> None:
    """Of a node that fails every `life` and is replaced after `repair`, as renewal theory says."""
    draw, life, repair, end = random.Random(3), 200.0, 50.0, 60_000.0
    failures, now = [], 0.0
    while (now := now + draw.expovariate(1 / life)) < end:
        failures.append((now, 0))
        now += repair
    plan = Plan(1, 1, start=repair - 10, notice=10.0, failures=failures)
    outcome = Fleet(SECONDS, own(), plan).serve(np.arange(0, end, 0.5).tolist(), fewest, fewest)
    share = ready_share(outcome, end, 1)
    assert share == pytest.approx(1 - len(failures) * repair / end, abs=0.002)
    assert share == pytest.approx(life / (life + repair), rel=0.03)
    assert outcome.lost / 120_000 == pytest.approx(1 - share, abs=0.002)


@pytest.mark.parametrize("rate", [300, 3_000])
def test_every_item_is_answered_refused_or_lost(rate: float) -> None:
    plan = Plan(3, 2, start=0.3, notice=0.1, queue=0.05, failures=[(0.5, 1), (0.9, 0), (1.0, 1)])
    arrivals = (poisson(5_000) / rate).tolist()
    outcome = Fleet(SECONDS, own(), plan).serve(arrivals, anyone(), fewest)
    assert len(outcome.latencies) + outcome.refused + outcome.lost == 5_000
    assert len(outcome.answered) == len(outcome.latencies)
    assert len(outcome.refusals) == outcome.refused
    assert outcome.lost > 0


def test_the_queue_has_the_limits_of_the_service() -> None:
    """Twice what one device can do: the batcher's own rule keeps its queue short by refusing."""
    slow = [0.01 * size for size in range(513)]  # 100 a second, in batches or not
    arrivals = (poisson(10_000) / 200).tolist()
    outcome = Fleet(slow, own(), Plan(1, 1, queue=1.0)).serve(arrivals, fewest, fewest)
    assert outcome.refused == pytest.approx(5_000, rel=0.05)
    assert max(outcome.latencies) < 1.2
    assert np.quantile(outcome.settled(), 0.99) < 0.2
    unlimited = Fleet(slow, own(), Plan(1, 1, queue=NEVER)).serve(arrivals, fewest, fewest)
    assert unlimited.settled().max() > 10
