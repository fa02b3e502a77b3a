import random

import pytest

from app.batching.latency_model import BatchingPolicy, LatencyModel


def learnt(offset: float, slope: float, **policy) -> LatencyModel:
    """Return a model of batches that took offset + slope × items seconds and were full."""
    model, draw = LatencyModel(BatchingPolicy(**policy)), random.Random(1)
    waiting = 1
    for _ in range(300):
        items = min(waiting, model.max_items)
        seconds = offset + slope * items
        model.observe(items, seconds * draw.uniform(0.95, 1.05))
        waiting = draw.randint(1, 64)
    return model


def test_before_the_first_batch_the_policy_decides() -> None:
    model = LatencyModel(BatchingPolicy(max_batch=7))
    assert model.max_items == 7
    assert not model.is_fast


@pytest.mark.parametrize(
    ("offset", "slope", "least", "most"),
    [
        (0.0, 0.010, 4, 6),  # a network on a CPU: 50 ms are 5 items
        (0.030, 0.001, 15, 26),  # mostly fixed: one item does not show which size pays
        (0.003, 0.0002, 32, 32),  # a GPU: the maximum
        (0.0, 0.2, 1, 2),  # each takes longer than a batch should
        (0.1, 0.001, 1, 2),  # no batch can finish in time
        (0.0, 0.00005, 32, 32),
    ],
)
def test_a_batch_has_as_many_items_as_finish_in_time(offset, slope, least, most) -> None:
    assert least <= learnt(offset, slope, inline_seconds=0.0).max_items <= most


def test_a_model_is_fast_if_several_items_fit_inline() -> None:
    assert learnt(0.0, 0.0003).is_fast
    assert not learnt(0.0, 0.003).is_fast
    assert not learnt(0.0, 0.0003, inline_seconds=0.0).is_fast
