"""The diagrams of a card: the same figures give the same bytes, and any label can be drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from training.exporting.card.data import ReliabilityBins
from training.exporting.card.figures import draw_confusion, draw_curve, draw_reliability, wilson
from training.fitting.curve import Epoch, History

HISTORY = History([Epoch(1, 0.9, 0.8, 0.5, 2.0), Epoch(2, 0.4, 0.5, 0.9, 4.0)], kept_epoch=2)
BINS = ReliabilityBins(
    split="test split",
    edges=(0, 0.5, 1),
    counts=(0, 9),
    accuracy=(0, 8 / 9),
    confidence=(0, 0.8),
)


def drawn() -> list[bytes]:
    confusion = np.array([[5, 1], [0, 7]])
    return [draw_curve(HISTORY), draw_confusion(confusion, ("a", "b")), draw_reliability(BINS)]


@pytest.mark.slow
def test_the_same_figures_give_the_same_bytes():
    first = drawn()
    assert drawn() == first
    for data in first:
        Image.open(io.BytesIO(data)).verify()
        assert b"Software" not in data and b"date" not in data
        assert len(data) < 60_000


@pytest.mark.parametrize(
    "labels", [("a b", "été"), ("猫", "犬"), ("$x", r"\foo$"), ("a_b^{", "%&#"), ("🎉", "x\ny")]
)
def test_any_label_can_be_drawn(labels: tuple[str, ...]):
    assert draw_confusion(np.eye(2, dtype=int), labels)


def test_a_label_without_samples_is_no_division_by_zero():
    assert draw_confusion(np.zeros((2, 2), dtype=int), ("a", "b"))


def test_the_interval_of_a_share_is_wilsons():
    low, high = wilson(np.array([0.0, 0.5, 1.0]), np.array([10, 100, 10]))
    assert low == pytest.approx([0.0, 0.4038, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.2775, 0.5962, 1.0], abs=1e-4)
