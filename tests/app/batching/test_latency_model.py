import random

import pytest

from app.batching.latency_model import Bounds, Pace


def learnt(offset: float, slope: float, **bounds) -> Pace:
    """A pace that has run batches of offset + slope × items seconds, each as large as it let."""
    pace, draw = Pace(Bounds(**bounds)), random.Random(1)
    waiting = 1
    for _ in range(300):
        items = min(waiting, pace.most)
        seconds = offset + slope * items
        pace.learn(items, seconds * draw.uniform(0.95, 1.05))
        waiting = draw.randint(1, 64)
    return pace


def test_nothing_is_known_at_first() -> None:
    pace = Pace(Bounds(max_batch=7))
    assert pace.most == 7
    assert not pace.quick


@pytest.mark.parametrize(
    ("offset", "slope", "least", "most"),
    [
        (0.0, 0.010, 4, 6),  # a network on a CPU: 50 ms are 5 items
        (0.030, 0.001, 15, 26),  # mostly fixed: one item says nothing of how many pay
        (0.003, 0.0002, 32, 32),  # a GPU: as many as may be
        (0.0, 0.2, 1, 2),  # each takes longer than a batch should
        (0.1, 0.001, 1, 2),  # nothing can be in time
        (0.0, 0.00005, 32, 32),
    ],
)
def test_as_many_as_are_done_in_time(offset, slope, least, most) -> None:
    assert least <= learnt(offset, slope, inline_seconds=0.0).most <= most


def test_quick_is_what_is_over_before_a_thread_would_pay() -> None:
    assert learnt(0.0, 0.0003).quick
    assert not learnt(0.0, 0.003).quick
    assert not learnt(0.0, 0.0003, inline_seconds=0.0).quick
