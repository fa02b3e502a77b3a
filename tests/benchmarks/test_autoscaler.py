"""The autoscaler against Kubernetes' formula, and a fleet that follows it."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.autoscaler import Autoscaler, cpu, wait, wait_of_answered
from benchmarks.nodes import Counters, Plan
from benchmarks.policies import own
from benchmarks.queueing import fewest
from benchmarks.scaling import Behavior, wanted
from benchmarks.simulated_fleet import Fleet

ITEM = [0.01 * size for size in range(513)]  # 100 items a second


@pytest.mark.parametrize(
    ("values", "missing", "pods"),
    [
        ([200.0], 0, 2),  # the two examples of Kubernetes' documentation, at a target of 100
        ([50.0, 50.0], 0, 1),
        ([200.0] * 3, 0, 6),
        ([105.0] * 9, 0, 9),  # within the tolerance
        ([111.0] * 9, 0, 10),
        ([], 3, 3),  # nothing is known
        ([200.0, 200.0], 1, 4),  # those that start count as idle: 400 / 100
        ([200.0, 200.0], 2, 4),  # they are already there
        ([200.0, 200.0], 6, 8),  # fewer would be enough, but the ratio was above 1
        ([50.0, 50.0], 1, 2),  # and as on target: 200 / 100
    ],
)
def test_pods_are_those_of_kubernetes(values: list[float], missing: int, pods: int) -> None:
    assert wanted(values, missing, 100.0) == pods


def test_it_rises_by_its_policy_and_falls_after_the_window() -> None:
    behavior = Behavior(2, 40, up=100, down=25, down_after=120)
    pods, seen = 2, []
    for now in range(0, 600, 15):
        pods = behavior.allowed(float(now), pods, 30 if now < 300 else 4)
        seen.append((now, pods))
    changes = [(now, pods) for (_, before), (now, pods) in pairwise(seen) if pods != before]
    assert seen[0] == (0, 4)  # doubled at once, then once a minute
    assert changes[:3] == [(60, 8), (120, 16), (180, 30)]
    falls = changes[3:]
    assert falls[0] == (420, 22)  # the last that asked for 30 was at 285: 120 s before 405
    assert [pods for _, pods in falls] == [22, 16, 12]
    assert all(later - now == 60 for (now, _), (later, _) in pairwise(falls))


def test_it_stays_within_its_bounds() -> None:
    behavior = Behavior(2, 5, up=900, down=100, down_after=0)
    assert behavior.allowed(0.0, 3, 50) == 5
    assert behavior.allowed(60.0, 5, 0) == 2


def test_measures_are_what_their_names_say() -> None:
    counted = Counters(busy=30.0, waited=4.0, started=80, refused=20)
    assert cpu()(counted, 2, 60.0) == pytest.approx(0.25)
    assert cpu(0.2)(counted, 2, 60.0) == pytest.approx(0.05)
    assert wait_of_answered(counted, 2, 60.0) == pytest.approx(0.05)
    assert wait(counted, 2, 60.0) == pytest.approx((4.0 + 20.0) / 100)
    assert wait(Counters(), 2, 60.0) == 0.0


def even(rate: float, seconds: float, since: float = 0.0) -> list[float]:
    return (since + np.arange(0, seconds, 1 / rate)).tolist()


@pytest.mark.parametrize("nodes", [2, 9])
def test_by_cpu_it_comes_to_the_load_over_the_target(nodes: int) -> None:
    """280 evenly spaced items a second take 2.8 devices: 4 pods at 70 %, wherever it begins."""
    scaler = Autoscaler([(cpu(), 0.7)], Behavior(1, 20, down_after=60))
    plan = Plan(nodes, 1, start=20.0, queue=1.0, scaler=scaler)
    outcome = Fleet(ITEM, own(1), plan).serve(even(280, 600), fewest, fewest)
    assert outcome.nodes[-1][1:] == (4, 4)


def test_more_pods_answer_one_start_after_they_were_seen_to_lack() -> None:
    scaler = Autoscaler([(cpu(), 0.7)], Behavior(1, 20))
    plan = Plan(1, 1, start=40.0, queue=1.0, scaler=scaler)
    arrivals = even(60, 100) + even(180, 300, 100.0)
    outcome = Fleet(ITEM, own(1), plan).serve(arrivals, fewest, fewest)
    ordered = next(when for when, _, every in outcome.nodes if every > 1)
    ready = next(when for when, ready, _ in outcome.nodes if ready > 1)
    assert 100 < ordered <= 160 and ordered % 15 == 0
    assert ready == ordered + 40.0


def test_a_pod_that_is_taken_away_answers_what_it_has() -> None:
    scaler = Autoscaler([(cpu(), 0.7)], Behavior(1, 20, down_after=30))
    plan = Plan(8, 1, scaler=scaler)
    arrivals = even(50, 400)
    outcome = Fleet(ITEM, own(1), plan).serve(arrivals, fewest, fewest)
    assert (len(outcome.latencies), outcome.lost, outcome.refused) == (len(arrivals), 0, 0)
    assert outcome.nodes[-1][1:] == (1, 1)
    assert outcome.node_seconds < 8 * outcome.end / 2


@pytest.mark.slow
def test_an_overload_is_hidden_from_the_wait_of_the_answered() -> None:
    """The service refuses rather than let a queue grow, so refusals must count."""
    sizes = {}
    for name, measure in (("answered", wait_of_answered), ("all", wait)):
        scaler = Autoscaler([(measure, 0.1)], Behavior(2, 12))
        plan = Plan(2, 1, start=20.0, queue=1.0, scaler=scaler)
        arrivals = np.sort(np.random.default_rng(1).random(600 * 600) * 600).tolist()
        outcome = Fleet(ITEM, own(1), plan).serve(arrivals, fewest, fewest)
        sizes[name] = outcome.nodes[-1][1]
    assert sizes["answered"] == 2 and sizes["all"] >= 6
