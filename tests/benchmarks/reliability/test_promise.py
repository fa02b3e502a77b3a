"""When a promise is held, and what an experiment that fails costs."""

import math
from collections.abc import Iterator

import pytest

from benchmarks.reliability.promise import (
    Bound,
    Experiment,
    Figure,
    Promise,
    Row,
    Scope,
    Skipped,
    at_least,
    at_most,
    exactly,
    number,
    perform,
)

MEMORY = Promise("memory", "growth of a worker", at_most(32, "MB"))
FAILED = Promise("failed", "requests that fail", exactly(0, "requests"))


@pytest.mark.parametrize(
    ("bound", "held", "missed"),
    [
        (at_most(32, "MB"), [-5, 0, 32], [32.1, math.inf, math.nan]),
        (at_least(0.9), [0.9, 2], [0.89, math.nan]),
        (exactly(0, "requests"), [0], [1, -1, math.nan]),
    ],
    ids=["at most", "at least", "exactly"],
)
def test_a_bound_is_held_up_to_its_limit(bound: Bound, held, missed) -> None:
    assert [value for value in held if not bound.holds(value)] == []
    assert [value for value in missed if bound.holds(value)] == []


def test_figures_are_written_with_three_digits_and_counts_in_full() -> None:
    written = [number(value) for value in (0, 20504, 0.8912, 5.25, 31.06, 541.7)]
    assert written == ["0", "20,504", "0.891", "5.25", "31.1", "542"]


def performed(measure) -> list[Row]:
    return list(perform(Experiment("swap/versions", (MEMORY, FAILED), measure), Scope(quick=True)))


def test_rows_come_as_they_are_measured() -> None:
    def measure(scope: Scope) -> Iterator[tuple[str, Figure]]:
        assert scope.choose("full", "quick") == "quick"
        yield "failed", Figure(3, "answers: 503 × 3")
        yield "memory", Figure(31.9)

    failed, memory = performed(measure)
    assert (failed.promise, failed.verdict) == (FAILED, "NOT HELD")
    assert failed.measured == "3 requests (answers: 503 × 3)"
    assert (memory.verdict, memory.measured) == ("held", "31.9 MB")


def test_an_error_costs_only_the_rows_that_are_missing() -> None:
    def measure(scope: Scope) -> Iterator[tuple[str, Figure]]:
        yield "memory", Figure(1)
        raise OSError("no space left")

    memory, failed = performed(measure)
    assert memory.verdict == "held"
    assert (failed.verdict, failed.measured) == ("NOT HELD", "OSError: no space left")


def test_a_figure_that_never_comes_is_not_held() -> None:
    def measure(scope: Scope) -> Iterator[tuple[str, Figure]]:
        yield from ()

    assert [row.verdict for row in performed(measure)] == ["NOT HELD", "NOT HELD"]


def test_a_promise_that_cannot_be_measured_here_is_skipped_with_a_reason() -> None:
    def measure(scope: Scope) -> Iterator[tuple[str, Figure]]:
        raise Skipped("nginx is not installed")
        yield "memory", Figure(0)

    rows = performed(measure)
    assert [row.verdict for row in rows] == ["skipped", "skipped"]
    assert {row.measured for row in rows} == {"nginx is not installed"}


def test_infinite_figures_are_never_and_missing_ones_none() -> None:
    seconds = Promise("replaced", "until it is replaced", at_most(8, "s"))
    rows = [Row("hang/x", seconds, Figure(value)) for value in (math.inf, math.nan)]
    assert [row.measured for row in rows] == ["never", "none"]
    assert [row.verdict for row in rows] == ["NOT HELD", "NOT HELD"]


def test_foreign_load_excuses_only_timed_promises() -> None:
    timed = Promise("fair", "p99 beside another model", at_most(1.5), timed=True)
    busy = Row("overload/fairness", timed, Figure(1.8, "of 5"), foreign=0.62)
    assert (busy.verdict, busy.measured) == (
        "noisy",
        "1.8 (of 5; others used 62% of the processors)",
    )
    assert Row("overload/fairness", timed, Figure(1.8), foreign=0.02).verdict == "NOT HELD"
    assert Row("overload/fairness", timed, Figure(1.2), foreign=0.62).verdict == "held"
    assert Row("overload/fairness", timed, None, "OSError: x", foreign=0.62).verdict == "NOT HELD"
    assert Row("swap/versions", MEMORY, Figure(40), foreign=0.62).verdict == "NOT HELD"
