"""The results of the simulation and the axes of its tables, for the simulation and its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.curves import Curve

LOADS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)  # of the capacity in batches of at most `DEFAULT`
BALANCED = (0.3, 0.5, 0.7, 0.9, 0.95)  # the same, of several devices
DEFAULT = 32  # items: THALAMUS_MAX_BATCH as it is
OWN = f"Thalamus, at most {DEFAULT}"
GPUS = 8  # in a node, a worker each
NODES = 100


@dataclass(frozen=True)
class Figures:
    """One run: latencies in seconds, items in a batch, items a second answered and offered."""

    mean: float
    p50: float
    p99: float
    batch: float
    rate: float
    offered: float

    @property
    def stable(self) -> bool:
        """Whether the device answers as many items as arrive, within random variation."""
        return self.rate > 0.97 * self.offered


@dataclass(frozen=True)
class Bounded:
    """The largest rates, items a second, that keep the 99th percentile within a bound."""

    limit: float
    ceiling: float
    optimum: float
    clairvoyant: float
    policies: Mapping[str, float]
    bursts: Mapping[str, float]


@dataclass(frozen=True)
class Findings:
    """All results for one curve."""

    curve: Curve
    capacity: float  # items a second in batches of at most `DEFAULT`
    loads: Mapping[str, Sequence[Figures]]  # by policy, one for each of `LOADS`
    bounded: Sequence[Bounded]


Spread = Mapping[str, Sequence[Figures]]  # by choice of a device, one for each of `BALANCED`
