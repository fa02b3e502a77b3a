"""Ratios are taken within a round, and judged by their interval."""

from collections.abc import Callable, Sequence
from math import comb

import pytest

from benchmarks.rounds import Interval, Round, interleave, interval, ratio, typical


def rounds(ratios: Sequence[float]) -> list[Round]:
    """Rounds in which `a` is so many times as fast as `b`, on a machine whose speed changes."""
    speeds = (1, 0.5, 3, 0.8, 1.2, 2, 0.7, 1.5)
    return [
        Round({"a": 100 * of * speed, "b": 100 * speed}, 0.0)
        for of, speed in zip(ratios, speeds, strict=False)
    ]


def test_a_slow_round_does_not_change_the_ratio() -> None:
    found = rounds([0.9] * 3)
    assert ratio(found, "a", "b").median == pytest.approx(0.9)
    assert typical(found, "a").median == 90


def test_five_rounds_have_their_lowest_and_highest_as_interval() -> None:
    assert interval([3, 1, 2, 5, 4]) == Interval(3, 1, 5, 1 - 2 / 32)


@pytest.mark.parametrize(
    ("count", "place", "confidence"), [(1, 1, 0), (3, 1, 0.75), (8, 2, 1 - 18 / 256)]
)
def test_the_confidence_is_what_the_number_of_rounds_allows(count, place, confidence) -> None:
    found = interval(list(range(1, count + 1)))
    assert (found.low, found.high) == (place, count + 1 - place)
    assert found.confidence == pytest.approx(confidence)


@pytest.mark.parametrize("count", range(5, 40))
def test_an_interval_is_the_narrowest_that_is_confident_enough(count: int) -> None:
    found = interval(list(range(1, count + 1)))

    def missed(place: int) -> float:
        return 2 * sum(comb(count, below) for below in range(place)) / 2**count

    assert found.confidence == pytest.approx(1 - missed(int(found.low)))
    assert missed(int(found.low)) <= 0.1 < missed(int(found.low) + 1)


def test_a_row_that_is_slower_in_every_round_is_slow() -> None:
    assert ratio(rounds([0.93, 0.969, 0.95, 0.9, 0.96]), "a", "b").slow


def test_a_row_that_is_equal_is_not_slow() -> None:
    assert not ratio(rounds([1.01, 0.94, 1.0, 0.99, 1.05]), "a", "b").slow


def test_one_round_that_is_not_slower_prevents_a_verdict() -> None:
    assert not ratio(rounds([0.9, 0.9, 0.971, 0.9, 0.9]), "a", "b").slow
    assert ratio(rounds([0.9, 0.9, 0.971, 0.9, 0.9, 0.9, 0.9, 0.9]), "a", "b").slow


def test_contestants_start_rounds_in_turn() -> None:
    order: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        return lambda: float(order.append(name) or 1)

    found = interleave({name: contestant(name) for name in "abc"}, rounds=3)
    assert order == list("abcbcacab")
    assert [set(r.figures) for r in found] == [set("abc")] * 3


def test_work_of_other_processes_makes_a_round_noisy() -> None:
    assert Round({}, 0.2).noisy
    assert not Round({}, 0.01).noisy
