"""The detector of leaks finds the smallest leak that matters, and nothing where there is none."""

import random

from benchmarks.reliability.promise import Figure
from benchmarks.reliability.soak import experiment
from benchmarks.reliability.trend import growth, settled, slope

PARTS, EACH = 40, 500  # samples, and requests between two of them
REQUESTS = [EACH * part for part in range(1, PARTS + 1)]
LIMITS = {promise.name: promise.wanted for promise in experiment(1).promises}


def memory(leak: float) -> list[float]:
    """Return KB of a service: it warms up, is noisy, has outliers, and leaks so much a request."""
    chance = random.Random(1)
    warm = [700_000 + 3_000 * min(part, PARTS // 5) for part in range(PARTS)]
    leaking = [sample + leak * sent for sample, sent in zip(warm, REQUESTS, strict=True)]
    noisy = [sample + chance.gauss(0, 500) for sample in leaking]
    return [sample + (20_000 if chance.random() < 0.05 else 0) for sample in noisy]


def test_without_a_leak_the_row_is_held() -> None:
    assert LIMITS["slope"].holds(slope(REQUESTS, memory(0)))
    assert LIMITS["memory"].holds(growth(memory(0)) / 1024)


def test_a_leak_of_one_kilobyte_a_request_is_found() -> None:
    found = slope(REQUESTS, memory(1))
    assert not LIMITS["slope"].holds(found)
    assert abs(found - 1) < 0.1


def test_a_single_jump_that_stays_is_growth() -> None:
    jumped = [sample + 80_000 * (index > 30) for index, sample in enumerate(memory(0))]
    assert not LIMITS["memory"].holds(growth(jumped) / 1024)


def test_the_warm_up_does_not_count() -> None:
    samples = [0.0] * 8 + [100.0] * 32
    assert settled(samples) == [100.0] * 32
    assert (slope(list(range(40)), samples), growth(samples)) == (0, 0)


def test_one_more_descriptor_is_found() -> None:
    assert LIMITS["descriptors"].holds(growth([33, 41, 41, 42, 41, 41, 41, 41, 41, 41]))
    assert not LIMITS["descriptors"].holds(growth([33, 41, 41, 41, 41, 41, 41, 42, 42, 42]))


def test_the_figure_names_its_unit() -> None:
    assert str(LIMITS["slope"]) == "≤ 0.2 KB/request"
    assert Figure(0.5).note == ""
