"""Interleaved rounds: only figures of the same round are compared, and only their ratios."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks import machine

NOISY = 0.05  # of the processor time that there was, used by others


@dataclass(frozen=True)
class Round:
    """One figure of every contestant, and the share of the processors that others had."""

    figures: Mapping[str, float]
    foreign: float

    @property
    def noisy(self) -> bool:
        """Whether somebody else's work may have shifted the figures."""
        return self.foreign > NOISY


def interleave(contestants: Mapping[str, Callable[[], float]], rounds: int) -> list[Round]:
    """Measure everybody once a round, each round starting with another one."""
    names, found = list(contestants), []
    for turn in range(rounds):
        first = turn % len(names)
        watch = machine.Watch()
        figures = {name: contestants[name]() for name in names[first:] + names[:first]}
        found.append(Round(figures, watch.foreign()))
    return found


def ratio(rounds: list[Round], name: str, over: str) -> float:
    """Return the median over the rounds of one contestant's figure over another's."""
    return median(r.figures[name] / r.figures[over] for r in rounds)


def typical(rounds: list[Round], name: str) -> float:
    """Return the median figure; says how fast, never who is faster."""
    return median(r.figures[name] for r in rounds)
