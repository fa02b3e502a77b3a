"""A promise, the figure that holds it, and the experiment that measures the figure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal, TypeVar

from benchmarks import machine

T = TypeVar("T")
_NOISY = 0.1  # share of the processors that others may use
_LONGEST = 200  # characters of an error in the table
Verdict = Literal["held", "NOT HELD", "noisy", "skipped"]


class Skipped(Exception):
    """The promise cannot be measured on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Bound:
    """The figures that hold a promise."""

    relation: Literal["≤", "≥", "="]
    limit: float
    unit: str

    def holds(self, figure: float) -> bool:
        """Whether the figure keeps within the bound; NaN never does."""
        if self.relation == "≤":
            return figure <= self.limit
        return figure >= self.limit if self.relation == "≥" else figure == self.limit

    def __str__(self) -> str:
        return f"{self.relation} {number(self.limit)} {self.unit}".rstrip()


def at_most(limit: float, unit: str = "") -> Bound:
    """Return the bound of a figure that must not be larger."""
    return Bound("≤", limit, unit)


def at_least(limit: float, unit: str = "") -> Bound:
    """Return the bound of a figure that must not be smaller."""
    return Bound("≥", limit, unit)


def exactly(limit: float, unit: str = "") -> Bound:
    """Return the bound of a count that is known beforehand."""
    return Bound("=", limit, unit)


def number(value: float) -> str:
    """Write a figure with three significant digits, or a count in full."""
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Promise:
    """One row of the table. `name` is that of the figure which the experiment yields.

    timed: others' use of the processors can make the figure worse. A miss is then no verdict if
    they used much of them meanwhile.
    """

    name: str
    what: str
    wanted: Bound
    timed: bool = False


@dataclass(frozen=True)
class Figure:
    """A measured value in the unit of its promise's bound; `note` says what it is made of."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Scope:
    """How long an experiment may take: `quick` is for every change, otherwise for a release."""

    quick: bool = False

    def choose(self, full: T, quick: T) -> T:
        """Return the one of two values that applies."""
        return quick if self.quick else full


Measure = Callable[[Scope], Iterator[tuple[str, Figure]]]


@dataclass(frozen=True)
class Experiment:
    """Plants one kind of trouble. `name` is `topic/trouble`.

    `measure` yields the figure of each promise by its name, in any order; it may raise `Skipped`.
    """

    name: str
    promises: tuple[Promise, ...]
    measure: Measure


@dataclass(frozen=True)
class Row:
    """A promise with what came of it. Without a figure, `trouble` says why.

    foreign: the share of the processors that others used meanwhile.
    """

    experiment: str
    promise: Promise
    figure: Figure | None
    trouble: str = ""
    skipped: bool = False
    foreign: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether the promise is held; one whose measurement failed is not."""
        if self.skipped:
            return "skipped"
        if self.figure is not None and self.promise.wanted.holds(self.figure.value):
            return "held"
        noisy = self.promise.timed and self.foreign > _NOISY and self.figure is not None
        return "noisy" if noisy else "NOT HELD"

    @property
    def measured(self) -> str:
        """The figure with its unit and its note, or why there is none."""
        if self.figure is None:
            return self.trouble
        value, unit = self.figure.value, self.promise.wanted.unit
        if isfinite(value):
            text = f"{number(value)} {unit}".rstrip()
        else:
            text = "none" if isnan(value) else "never"
        noise = f"others used {self.foreign:.0%} of the processors"
        notes = [self.figure.note, noise if self.verdict == "noisy" else ""]
        note = "; ".join(filter(None, notes))
        return f"{text} ({note})" if note else text


def perform(experiment: Experiment, scope: Scope) -> Iterator[Row]:
    """Yield a row for each promise as it is measured; an error costs only those still missing."""
    missing = {promise.name: promise for promise in experiment.promises}
    trouble, skipped, watch = "no figure came", False, machine.Watch()
    try:
        for name, figure in experiment.measure(scope):
            foreign = watch.foreign()
            yield Row(experiment.name, missing.pop(name), figure, foreign=foreign)
    except Skipped as error:
        trouble, skipped = str(error), True
    except Exception as error:
        trouble = f"{type(error).__name__}: {' '.join(str(error).split())[-_LONGEST:]}"
    for promise in missing.values():
        yield Row(experiment.name, promise, None, trouble, skipped)
