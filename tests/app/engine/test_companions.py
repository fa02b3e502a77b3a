import random

import pytest

from app.engine.companions import WASTE, companions


def padding(sizes: list[int], places: list[int]) -> float:
    chosen = [sizes[place] for place in places]
    return 1 - sum(chosen) / (max(chosen) * len(chosen))


@pytest.mark.parametrize("seed", range(20))
def test_the_oldest_runs_and_little_is_padding(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.randint(1, 400) for _ in range(draw.randint(1, 64))]
    chosen = companions(sizes, 16)
    assert 0 in chosen
    assert len(set(chosen)) == len(chosen) <= 16
    assert padding(sizes, chosen) <= WASTE
    others = [place for place in range(len(sizes)) if place not in chosen]
    if others and len(chosen) < 16:
        assert min(padding(sizes, [*chosen, place]) for place in others) > WASTE


def test_equal_sizes_are_all_companions() -> None:
    assert sorted(companions([7] * 5, 16)) == [0, 1, 2, 3, 4]
    assert companions([7] * 5, 1) == [0]


def test_nearest_sizes_are_taken() -> None:
    assert sorted(companions([100, 10, 97, 400, 103, 50], 16)) == [0, 2, 4]
