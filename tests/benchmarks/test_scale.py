"""docs/scale.md is what the command writes; its arithmetic agrees with Young and the simulation."""

import json
import re

import numpy as np
import pytest

from benchmarks import prices, scale_report
from benchmarks.nodes import Plan
from benchmarks.policies import own
from benchmarks.queueing import anyone, fewest
from benchmarks.simulated_fleet import Fleet

MEASURED = json.loads(scale_report.MEASURED.read_text())


def test_the_page_is_what_the_command_writes() -> None:
    """If not: `python -m benchmarks scale`."""
    assert scale_report.DOCUMENT.read_text() == scale_report.document(MEASURED)


def test_the_page_has_every_table_and_no_mark_is_left() -> None:
    text = scale_report.READING.read_text()
    assert set(re.findall(r"<!-- (\w+) -->", text)) == scale_report.TABLES.keys()
    assert "<!--" not in scale_report.document(MEASURED)


def test_the_figures_of_the_gpu_are_those_of_its_page() -> None:
    page = (scale_report.ROOT / "docs" / "gpu.md").read_text()
    services = {
        "GPU, four workers": scale_report.H100,
        "CPU, a worker a core": scale_report.H100_CPU,
    }
    for service, figures in services.items():
        for model, (how, rate) in figures.items():
            clients = how.split()[-2]
            assert f"| {model} | {service} | {clients} | {rate:,} |" in page


def test_a_million_costs_what_its_hours_cost() -> None:
    machine = prices.Machine("any", 3.6)
    assert prices.per_million(machine, 1000.0, 1.0) == pytest.approx(1.0)  # 1,000 s of 0.001 $
    assert prices.per_million(machine, 1000.0, 0.5) == pytest.approx(2.0)
    dear = prices.Machine("dear", 36.0)
    rate = prices.break_even(machine, dear, 70.0)
    assert prices.per_million(dear, rate, 1) == pytest.approx(prices.per_million(machine, 70.0, 1))


@pytest.mark.parametrize("nodes", [1, 10, 1_000])
@pytest.mark.parametrize("write", [0.2, 20.0])
def test_youngs_interval_wastes_least(nodes: int, write: float) -> None:
    best = prices.interval(nodes, write)
    others = best * np.array([0.5, 0.9, 0.99, 1.01, 1.1, 2.0])
    least = prices.wasted(nodes, write, best)
    assert all(prices.wasted(nodes, write, every) > least for every in others)


def test_a_pull_is_bound_by_the_node_or_by_the_store() -> None:
    size = 1e9
    alone = size / prices.NODE_NETWORK
    few = int(prices.REGISTRY / prices.NODE_NETWORK)
    assert [prices.pulled(size, n) for n in (1, few)] == pytest.approx([alone, alone])
    assert prices.pulled(size, 2 * few) == pytest.approx(2 * alone)
    assert prices.rollout(7, 2, 10.0) == 40.0


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [2, 6])
def test_failures_lose_the_same_share_at_any_number_of_nodes(nodes: int, monkeypatch) -> None:
    """As the simulation has it: notice / life of all that come."""
    life, notice, end = 400.0, 10.0, 8_000.0
    monkeypatch.setattr(prices, "NODE_LIFE", life)
    monkeypatch.setattr(prices, "NOTICE", notice)
    draw = np.random.default_rng(2)
    times = np.sort(draw.random(round(nodes * end / life)) * end)
    failures = [(float(when), int(draw.integers(nodes))) for when in times]
    plan = Plan(nodes, 1, start=0.0, notice=notice, failures=failures)
    arrivals = np.sort(draw.random(int(40 * end)) * end).tolist()
    seconds = [0.001 * size for size in range(513)]
    outcome = Fleet(seconds, own(), plan).serve(arrivals, anyone(), fewest)
    # Nodes that wait to be noticed do not fail again, and share the load with fewer.
    assert outcome.lost / len(arrivals) * 1e6 == pytest.approx(prices.lost_per_million(), rel=0.1)
