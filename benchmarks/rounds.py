"""Interleaved rounds: figures are compared within a round only, by their ratios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from benchmarks import machine

NOISY = 0.05  # share of other processes in all processor time
CONFIDENCE = 0.9  # the least confidence of an interval, if there are enough rounds
SLOW = 0.97  # a ratio now / before whose whole interval is below this is a loss of speed


@dataclass(frozen=True)
class Round:
    """One figure of every contestant, and the share of processor time that others used."""

    figures: Mapping[str, float]
    foreign: float

    @property
    def noisy(self) -> bool:
        """Whether work of other processes may have changed the figures."""
        return self.foreign > NOISY


@dataclass(frozen=True)
class Interval:
    """A median over rounds, and its distribution-free confidence interval.

    `confidence` (0..1) is the probability that such an interval holds the true median, whatever
    the distribution of the rounds, as long as they are independent.
    """

    median: float
    low: float
    high: float
    confidence: float

    @property
    def slow(self) -> bool:
        """Whether even the upper end of a ratio now / before is below `SLOW`."""
        return self.high < SLOW

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def interval(values: Sequence[float]) -> Interval:
    """Return the median of `values` and the narrowest interval that reaches `CONFIDENCE`.

    Its ends are order statistics, the k-th from below and from above. The true median lies
    outside when fewer than k values are on one side of it, the probability of which is the
    binomial's: 2 · P(Bin(n, ½) < k). Five values give their lowest and highest, 93.75 %. Fewer
    than five do too, which is less than `CONFIDENCE`: 75 % of three, nothing of one.
    """
    ordered, count = sorted(values), len(values)
    outside, k = 2 * 0.5**count, 1
    while (more := outside + 2 * comb(count, k) * 0.5**count) <= 1 - CONFIDENCE:
        outside, k = more, k + 1
    return Interval(median(ordered), ordered[k - 1], ordered[-k], 1 - outside)


def measure(contestants: Mapping[str, Callable[[], float]], turn: int) -> Round:
    """Measure each contestant once; the first one rotates with `turn`, counted from 0."""
    watch = machine.Watch()
    figures = {name: contestants[name]() for name in rotated(list(contestants), turn)}
    return Round(figures, watch.foreign())


def rotated(names: Sequence[str], turn: int) -> Sequence[str]:
    """Return the names, rotated so that another one is first in each turn."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def interleave(contestants: Mapping[str, Callable[[], float]], rounds: int) -> list[Round]:
    """Measure each contestant once a round; each round starts with another one."""
    return [measure(contestants, turn) for turn in range(rounds)]


def ratio(rounds: Sequence[Round], name: str, over: str) -> Interval:
    """Return the median over the rounds of the ratio of two contestants' figures."""
    return interval([r.figures[name] / r.figures[over] for r in rounds])


def typical(rounds: Sequence[Round], name: str) -> Interval:
    """Return the median figure; it is no comparison of contestants."""
    return interval([r.figures[name] for r in rounds])
