"""What `--minutes` counts: the wall's time, or the processors' where they computed longer."""

import pytest

from training.runs.spent_time import FEW_SAMPLES, computing_clock


@pytest.mark.parametrize(
    ("samples", "wall", "computed", "spent"),
    [
        (100, 10.0, 5.0, 10.0),
        (100, 10.0, 20.0, 20.0),
        (FEW_SAMPLES, 10.0, 80.0, 80.0),
        (4 * FEW_SAMPLES, 10.0, 80.0, 20.0),
        (4 * FEW_SAMPLES, 10.0, 8.0, 10.0),
        (0, 1.0, 2.0, 2.0),
    ],
)
def test_the_longer_of_both_counts(
    samples: int, wall: float, computed: float, spent: float
) -> None:
    on_the_wall, of_the_processors = iter([100.0, 100.0 + wall]), iter([7.0, 7.0 + computed])
    clock = computing_clock(samples, on_the_wall.__next__, of_the_processors.__next__)
    assert clock() == pytest.approx(spent)


def test_a_run_takes_time() -> None:
    clock = computing_clock(1)
    assert 0 <= clock() <= clock()
