"""Ratios are taken within a round."""

from collections.abc import Callable

import pytest

from benchmarks.rounds import Round, interleave, ratio, typical


def test_a_slow_round_does_not_change_the_ratio() -> None:
    rounds = [Round({"a": 90 * speed, "b": 100 * speed}, 0.0) for speed in (1, 0.5, 3)]
    assert ratio(rounds, "a", "b") == pytest.approx(0.9)
    assert typical(rounds, "a") == 90


def test_everybody_starts_a_round_in_turn() -> None:
    order: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        return lambda: float(order.append(name) or 1)

    found = interleave({name: contestant(name) for name in "abc"}, rounds=3)
    assert order == list("abcbcacab")
    assert [set(r.figures) for r in found] == [set("abc")] * 3


def test_others_work_makes_a_round_noisy() -> None:
    assert Round({}, 0.2).noisy
    assert not Round({}, 0.01).noisy
