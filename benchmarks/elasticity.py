"""A fleet of the service when a node fails and when the load changes, for docs/simulation.md."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.autoscaler import Autoscaler, Measure, cpu, wait, wait_of_answered
from benchmarks.curves import CPU, Curve
from benchmarks.nodes import FleetOutcome, Plan
from benchmarks.optimum import capacity
from benchmarks.policies import own
from benchmarks.queueing import Choose, anyone, better_of_two, fewest
from benchmarks.scaling import Behavior
from benchmarks.simulated_fleet import Fleet

WORKERS = 2  # of a node, as of a pod in deploy/helm/thalamus
BATCH = 32
QUEUE_SECONDS = 1.0  # THALAMUS_MAX_QUEUE_SECONDS
NOTICE = 10.0  # seconds: two failed readiness probes, five seconds apart
# A failure: 60 s before it, then until the other node answers, and 60 s more.
FAILS_AT, AFTER = 60.0, 60.0
SIZES = (2, 4, 10)
FAILING_LOADS = (0.4, 0.6, 0.8)  # of the capacity of all nodes
FRONTS: Mapping[str, Callable[[], Choose]] = {
    "random": anyone,
    "better of two": better_of_two,
    "fewest": lambda: fewest,
}
# A surge, in the capacity of a node: seconds, load.
SURGE = ((300.0, 1.2), (600.0, 6.0), (900.0, 1.2))
LEAST, MOST = 2, 12
STARTS = (20.0, 60.0, 180.0)  # seconds until a new pod answers
SHOWN = 60.0  # of these, in the picture
CPU_TARGET, WAIT_TARGET = 0.7, 0.1
Targets = Sequence[tuple[Measure, float]]
SCALERS: Mapping[str, Targets | int] = {
    "as many as the peak needs": 9,
    "CPU 70 %": ((cpu(), CPU_TARGET),),
    "CPU 70 %, the model on a GPU": ((cpu(0.2), CPU_TARGET),),
    "queue seconds of the answered": ((wait_of_answered, WAIT_TARGET),),
    "queue seconds of the answered, 20 ms": ((wait_of_answered, 0.02),),
    "queue seconds": ((wait, WAIT_TARGET),),
    "queue seconds and CPU 70 %": ((wait, WAIT_TARGET), (cpu(), CPU_TARGET)),
}


@dataclass(frozen=True)
class Failure:
    """One node of several fails. Counts are items; seconds for the rest.

    lost: in hand there, and sent there until it was noticed. refused, p99: from the failure until
    another node answers. before: the p99 of the minute before.
    """

    nodes: int
    load: float
    front: str
    lost: int
    refused: float  # share of what came meanwhile
    before: float
    p99: float


@dataclass(frozen=True)
class Surge:
    """A load that rises fivefold and falls again, under one autoscaler.

    refused: the share of all items. p99: seconds, of the answered. late: seconds from the rise to
    the last refusal of the surge. mean, most: nodes.
    """

    scaler: str
    start: float
    refused: float
    p99: float
    late: float
    mean: float
    most: int
    nodes: Sequence[tuple[float, int, int]]  # (when, ready, all)


def rates(steps: Sequence[tuple[float, float]], unit: float, seed: int = 5) -> list[float]:
    """Return Poisson arrivals at rates in `unit` a second, of steps of (seconds, rate)."""
    draw = np.random.default_rng(seed)
    begun, times = 0.0, []
    for seconds, rate in steps:
        number = draw.poisson(seconds * rate * unit)
        times.append(begun + np.sort(draw.random(number)) * seconds)
        begun += seconds
    return [float(when) for when in np.concatenate(times)]


def failure(curve: Curve, nodes: int, load: float, front: str, start: float = 60.0) -> Failure:
    """Return what the loss of one of `nodes` does."""
    seconds = curve.seconds()
    end = FAILS_AT + NOTICE + start
    rate = load * nodes * WORKERS * capacity(seconds, BATCH)
    arrivals = rates([(end + AFTER, rate)], 1.0)
    plan = Plan(nodes, WORKERS, start, NOTICE, QUEUE_SECONDS, failures=[(FAILS_AT, 0)])
    outcome = Fleet(seconds, own(BATCH), plan).serve(arrivals, FRONTS[front](), fewest)
    came = sum(FAILS_AT <= when < end for when in arrivals)
    refused = sum(FAILS_AT <= when < end for when in outcome.refusals)
    return Failure(
        nodes,
        load,
        front,
        outcome.lost,
        refused / came,
        _p99(outcome, FAILS_AT / 2, FAILS_AT),
        _p99(outcome, FAILS_AT, end),
    )


def surge(curve: Curve, scaler: str, start: float) -> Surge:
    """Return what a fleet under one autoscaler does with `SURGE`."""
    seconds = curve.seconds()
    unit = WORKERS * capacity(seconds, BATCH)
    targets = SCALERS[scaler]
    if isinstance(targets, int):
        plan = Plan(targets, WORKERS, start, NOTICE, QUEUE_SECONDS)
    else:
        asked = Autoscaler(targets, Behavior(LEAST, MOST))
        plan = Plan(LEAST, WORKERS, start, NOTICE, QUEUE_SECONDS, scaler=asked)
    arrivals = rates(SURGE, unit)
    outcome = Fleet(seconds, own(BATCH), plan).serve(arrivals, anyone(), fewest)
    rise, fall = SURGE[0][0], SURGE[0][0] + SURGE[1][0]
    late = max((when - rise for when in outcome.refusals if rise <= when < fall), default=0.0)
    return Surge(
        scaler,
        start,
        outcome.refused / len(arrivals),
        _p99(outcome, 0.0, outcome.end),
        late,
        outcome.node_seconds / outcome.end,
        max(every for _, _, every in outcome.nodes),
        outcome.nodes,
    )


def _p99(outcome: FleetOutcome, since: float, end: float) -> float:
    answered, latencies = np.array(outcome.answered), np.array(outcome.latencies)
    within = latencies[(since <= answered) & (answered < end)]
    return float(np.quantile(within, 0.99)) if len(within) else float("nan")


def run() -> tuple[list[Failure], list[Surge]]:
    """Simulate both on the CPU's curve, on all cores."""
    losses = [
        (CPU, nodes, load, front) for nodes in SIZES for load in FAILING_LOADS for front in FRONTS
    ]
    rises = [(CPU, scaler, start) for scaler in SCALERS for start in STARTS]
    with ProcessPoolExecutor() as pool:
        failures = pool.map(failure, *zip(*losses, strict=True))
        surges = pool.map(surge, *zip(*rises, strict=True))
        return list(failures), list(surges)
