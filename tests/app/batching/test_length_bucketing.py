import random

import pytest

from app.batching.length_bucketing import MAX_PADDING, bucket_by_length


def padded(sizes: list[int], places: list[int]) -> int:
    return max(sizes[place] for place in places) * len(places)


@pytest.mark.parametrize("seed", range(20))
def test_every_item_is_in_one_bucket_and_padding_is_bounded(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.randint(1, 400) for _ in range(draw.randint(1, 64))]
    buckets = bucket_by_length(sizes)
    assert sorted(place for bucket in buckets for place in bucket) == list(range(len(sizes)))
    assert 1 - sum(sizes) / sum(padded(sizes, bucket) for bucket in buckets) <= MAX_PADDING + 1e-9
    steps = sum(max(sizes[place] for place in bucket) for bucket in buckets)
    assert steps < sum(sizes) or len(sizes) < 4, "nothing was saved"


def test_items_of_similar_length_share_a_bucket() -> None:
    assert bucket_by_length([100, 10, 97, 400, 103, 50]) == [[1], [5], [2, 0, 4], [3]]


def test_short_items_may_be_padded_where_it_costs_little() -> None:
    assert bucket_by_length([10, 12, 15, 400, 401]) == [[0, 1, 2], [3, 4]]


def test_items_run_alone_where_half_of_a_run_would_be_padding() -> None:
    assert bucket_by_length([10, 30, 4000]) == [[0], [1], [2]]


def test_equal_lengths_are_one_bucket() -> None:
    assert bucket_by_length([7] * 5) == [[0, 1, 2, 3, 4]]
    assert bucket_by_length([0, 0]) == [[0, 1]]
    assert bucket_by_length([]) == []
