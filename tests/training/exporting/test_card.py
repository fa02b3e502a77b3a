"""The model card and its pictures."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from training.exporting.card import CONFUSION, CURVE, card_images, cost_section
from training.fitting.curve import Epoch, History

HISTORY = History([Epoch(1, 0.9, 0.8, 0.5, 2.0), Epoch(2, 0.4, 0.5, 0.9, 4.0)], kept_epoch=2)


def test_same_figures_give_the_same_card_images():
    confusion = np.array([[5, 1], [0, 7]])
    first = card_images(HISTORY, confusion, ("a", "b"))
    assert set(first) == {CURVE, CONFUSION}
    assert card_images(HISTORY, confusion, ("a", "b")) == first
    for data in first.values():
        Image.open(io.BytesIO(data)).verify()
        assert b"Software" not in data and b"date" not in data


@pytest.mark.parametrize(
    "labels", [("a b", "été"), ("猫", "犬"), ("$x", r"\foo$"), ("a_b^{", "%&#"), ("🎉", "x\ny")]
)
def test_confusion_matrix_draws_any_label(labels: tuple[str, ...]):
    assert CONFUSION in card_images(HISTORY, np.eye(2, dtype=int), labels)


def test_no_confusion_matrix_for_many_labels():
    labels = [str(i) for i in range(120)]
    assert set(card_images(HISTORY, np.eye(120, dtype=int), labels)) == {CURVE}


def test_confusion_matrix_of_a_label_without_samples():
    assert card_images(HISTORY, np.zeros((2, 2), dtype=int), ("a", "b"))


def test_cost_section_sums_the_epochs():
    assert re.search(r"2 epochs, 3\.0 s each, 6 s in all.* epoch 2\.", cost_section(HISTORY))
