import random

import pytest

from app.batching.length_bucketing import WASTE, groups


def padded(sizes: list[int], places: list[int]) -> int:
    return max(sizes[place] for place in places) * len(places)


@pytest.mark.parametrize("seed", range(20))
def test_all_are_grouped_and_little_is_padding(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.randint(1, 400) for _ in range(draw.randint(1, 64))]
    found = groups(sizes)
    assert sorted(place for group in found for place in group) == list(range(len(sizes)))
    assert 1 - sum(sizes) / sum(padded(sizes, group) for group in found) <= WASTE + 1e-9
    steps = sum(max(sizes[place] for place in group) for group in found)
    assert steps < sum(sizes) or len(sizes) < 4, "nothing was saved"


def test_neighbours_run_together() -> None:
    assert groups([100, 10, 97, 400, 103, 50]) == [[1], [5], [2, 0, 4], [3]]


def test_short_items_may_pad_where_it_hardly_counts() -> None:
    assert groups([10, 12, 15, 400, 401]) == [[0, 1, 2], [3, 4]]


def test_two_run_alone_where_a_run_would_be_half_padding() -> None:
    assert groups([10, 30, 4000]) == [[0], [1], [2]]


def test_equal_sizes_are_one_group() -> None:
    assert groups([7] * 5) == [[0, 1, 2, 3, 4]]
    assert groups([0, 0]) == [[0, 1]]
    assert groups([]) == []
