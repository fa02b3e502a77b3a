"""What is assumed of money, machines, networks and failures, by name, and the arithmetic with it.

None of it is measured. Prices are round figures in the order of what clouds ask on demand; put in
your own, and run `python -m benchmarks scale`.
"""

from dataclasses import dataclass
from math import sqrt

HOUR = 3600.0
MILLION = 1_000_000
UTILIZATION = 0.5  # of what a node can do, over a day: the rest is for peaks, failures and nights
REGISTRY = 1.25e9  # bytes a second that an image registry or a store gives in all: 10 Gbit/s
NODE_NETWORK = 0.25e9  # bytes a second that a node takes: 2 Gbit/s
SCRAPE = 15.0  # seconds between two scrapes
PROMETHEUS_SERIES = 2_000_000  # of one Prometheus with some 16 GB
NODE_LIFE = 30 * 24 * HOUR  # seconds between two failures of a node
NOTICE = 10.0  # seconds until a pod that fails gets nothing more: two probes of the chart
RESUME = 120.0  # seconds to begin anew from a checkpoint, on another node
FRONT = 20_000  # requests a second of one core of a proxy without TLS
PROBES = (
    2 / 5 + 1 / 10
)  # requests a second of the chart's probes, once started: readiness and liveness


@dataclass(frozen=True)
class Machine:
    """One class of machines. dollars: for an hour, assumed."""

    name: str
    dollars: float


CPU_2 = Machine("2 vCPU, 8 GiB", 0.10)
CPU_16 = Machine("16 vCPU, 64 GiB", 0.80)
GPU_SMALL = Machine("T4 class, 4 vCPU", 0.55)
GPU_LARGE = Machine("H100 class, 16 vCPU", 4.00)


def per_million(machine: Machine, rate: float, utilization: float) -> float:
    """Return the dollars for a million of what a machine does `rate` of in a second when busy."""
    return machine.dollars * MILLION / (HOUR * rate * utilization)


def break_even(machine: Machine, other: Machine, rate: float) -> float:
    """Return the rate at which `other` costs as much for each as `machine` does at `rate`."""
    return rate * other.dollars / machine.dollars


def pulled(size: float, nodes: int) -> float:
    """Return the seconds until each of `nodes` has `size` bytes from one place."""
    return max(size / NODE_NETWORK, nodes * size / REGISTRY)


def rollout(nodes: int, at_once: int, each: float) -> float:
    """Return the seconds of a rolling update of so many nodes at once that take `each` seconds."""
    return -(-nodes // at_once) * each


def failures_a_day(nodes: int) -> float:
    """Return how many of so many nodes fail in a day."""
    return nodes * 24 * HOUR / NODE_LIFE


def lost_per_million() -> float:
    """Return the requests of a million that go to a failed node before that is noticed.

    A node gets 1/n of them and fails every `NODE_LIFE`, n nodes n times as often: n cancels out.
    """
    return MILLION * NOTICE / NODE_LIFE


def interval(nodes: int, write: float) -> float:
    """Return the seconds between two checkpoints that lose least (Young): √(2 · write · life).

    write: seconds of one. life: of the run, which any of its nodes ends.
    """
    return sqrt(2 * write * NODE_LIFE / nodes)


def wasted(nodes: int, write: float, every: float) -> float:
    """Return the share of the time that checkpoints and failures take."""
    return write / every + (every / 2 + RESUME) * nodes / NODE_LIFE
