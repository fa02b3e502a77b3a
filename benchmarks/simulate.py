"""The batcher's policy against others on published and measured curves; docs/simulation.md."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.curves import CPU, H100, H200, STEEP, T4, Curve, measure
from benchmarks.findings import (
    BALANCED,
    DEFAULT,
    GPUS,
    LOADS,
    NODES,
    OWN,
    Bounded,
    Figures,
    Findings,
    Spread,
)
from benchmarks.optimum import capacity, ceiling, clairvoyant, optimum, sustained
from benchmarks.policies import NEVER, Policy, own, timer
from benchmarks.queueing import (
    Choose,
    Cluster,
    Outcome,
    anyone,
    better_of_two,
    bursts,
    fewest,
    poisson,
    single,
)

ITEMS = 16_000  # arrivals at one device in a run
LARGE = 256  # items: THALAMUS_MAX_BATCH for a fast GPU
TIMED = f"5 ms timer, at most {DEFAULT}"
POLICIES: dict[str, Callable[[], Policy]] = {
    OWN: own(DEFAULT),
    f"Thalamus, at most {LARGE}": own(LARGE),
    f"Thalamus, at most {DEFAULT} and 20 ms": own(DEFAULT, 0.02),
    "no batching": timer(1, 0.0),
    TIMED: timer(DEFAULT, 0.005),
    f"5 ms timer, at most {LARGE}": timer(LARGE, 0.005),
    "always 8": timer(8, NEVER),
}
LOADED = (OWN, "no batching", TIMED, "always 8")  # in tables over load
EACH = {1: 6_000, NODES: 500}  # items for each GPU, by nodes
FRONTS: dict[str, Callable[[], Choose]] = {
    "random": anyone,
    "better of two": better_of_two,
    "fewest": lambda: fewest,
}


def run(remeasure: bool) -> tuple[list[Findings], dict[str, Spread], Spread]:
    """Simulate everything; `remeasure`: measure the CPU's curve on this machine.

    Returns the results for each curve, for a node by its kind, and for a fleet.
    """
    curves = (measure() if remeasure else CPU, T4, H100, H200, STEEP)
    found = [examine(curve) for curve in curves]
    node = {f"{c.name}, at most {most}": node_of(c, most) for c, most in ((T4, 32), (H100, LARGE))}
    return found, node, fleet_of(T4)


def examine(curve: Curve) -> Findings:
    """Return the results for one device with this curve."""
    seconds = curve.seconds()
    full = capacity(seconds, DEFAULT)
    even = poisson(ITEMS)
    loads = {
        name: [
            figures(single(seconds, POLICIES[name], (even / rate).tolist()), rate)
            for rate in (load * full for load in LOADS)
        ]
        for name in LOADED
    }
    return Findings(curve, full, loads, [_bounded(seconds, limit) for limit in curve.limits])


def _bounded(seconds: Sequence[float], limit: float) -> Bounded:
    even, uneven = poisson(ITEMS), bursts(ITEMS)
    return Bounded(
        limit,
        ceiling(seconds, limit),
        optimum(seconds, limit),
        clairvoyant(seconds, limit, even),
        {name: sustained(seconds, make, limit, even) for name, make in POLICIES.items()},
        {name: sustained(seconds, POLICIES[name], limit, uneven) for name in (OWN, TIMED)},
    )


def figures(outcome: Outcome, offered: float) -> Figures:
    """Return the figures of a run at a rate of `offered` items a second."""
    settled = outcome.settled()
    p50, p99 = np.quantile(settled, (0.5, 0.99))
    rate = len(outcome.latencies) / outcome.end
    return Figures(
        float(settled.mean()),
        float(p50),
        float(p99),
        float(np.mean(outcome.batches)),
        rate,
        offered,
    )


def node_of(curve: Curve, most: int) -> Spread:
    """Return the results for one node's GPUs over `BALANCED`, by the use of connections."""
    inners: dict[str, Callable[[], Choose]] = {
        "a connection a request": lambda: fewest,
        "kept-alive connections": anyone,
    }
    return {
        name: [_spread(curve, most, (1, GPUS), load, (fewest, inner())) for load in BALANCED]
        for name, inner in inners.items()
    }


def fleet_of(curve: Curve) -> Spread:
    """Return the results for several nodes over `BALANCED`, by the choice of a node."""
    return {
        name: [_spread(curve, DEFAULT, (NODES, GPUS), load, (front(), fewest)) for load in BALANCED]
        for name, front in FRONTS.items()
    }


def _spread(
    curve: Curve, most: int, shape: tuple[int, int], load: float, chooses: tuple[Choose, Choose]
) -> Figures:
    seconds, devices = curve.seconds(), shape[0] * shape[1]
    rate = load * devices * capacity(seconds, most)
    arrivals = (poisson(EACH[shape[0]] * devices) / rate).tolist()
    return figures(Cluster(seconds, own(most), shape).serve(arrivals, *chooses), rate)
