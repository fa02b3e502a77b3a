import random

import pytest

from app.engine.companions import WASTE, companions, groups


def padding(sizes: list[int], places: list[int]) -> float:
    chosen = [sizes[place] for place in places]
    return 1 - sum(chosen) / (max(chosen) * len(chosen))


@pytest.mark.parametrize("seed", range(20))
def test_all_are_grouped_and_little_is_padding(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.randint(1, 400) for _ in range(draw.randint(1, 64))]
    found = groups(sizes)
    assert sorted(place for group in found for place in group) == list(range(len(sizes)))
    assert max(padding(sizes, group) for group in found) <= WASTE


def test_nobody_is_left_out_who_would_fit() -> None:
    sizes = [100, 10, 97, 400, 103, 50]
    chosen = companions(sizes)
    assert sorted(chosen) == [0, 2, 4]
    others = [place for place in range(len(sizes)) if place not in chosen]
    assert min(padding(sizes, [*chosen, place]) for place in others) > WASTE


def test_equal_sizes_are_one_group() -> None:
    assert [sorted(group) for group in groups([7] * 5)] == [[0, 1, 2, 3, 4]]
    assert groups([]) == []
