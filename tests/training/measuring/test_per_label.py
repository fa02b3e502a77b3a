"""Figures that an imbalance cannot hide."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from training.measuring.per_label import (
    MAJORITY,
    balanced_accuracy,
    imbalance_figures,
    label_figures,
    majority,
)

LABELS = ("a", "b", "c")


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed: int):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 3, (2, 200))
    confusion = np.zeros((3, 3), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted)
    figures = label_figures(confusion, LABELS)
    assert [f.label for f in figures] == list(LABELS)
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        assert [getattr(f, name) for f in figures] == pytest.approx(values.tolist())
    assert [f.support for f in figures] == support.tolist()
    assert balanced_accuracy(confusion) == pytest.approx(balanced_accuracy_score(truth, predicted))


def test_what_cannot_be_measured_is_none():
    figures = label_figures(np.asarray([[5, 0, 0], [2, 0, 0], [0, 0, 0]]), LABELS)
    assert (figures[1].recall, figures[1].precision, figures[1].f1) == (0.0, None, 0.0)
    assert (figures[2].recall, figures[2].precision, figures[2].f1) == (None, None, None)


def test_the_majority_is_that_of_the_training_split():
    confusion = np.asarray([[10, 0], [30, 60]])
    found = {
        m.name: (m.value, m.samples) for m in imbalance_figures(confusion, np.asarray([0, 0, 1]))
    }
    assert majority(np.asarray([0, 0, 1])) == 0
    assert found[MAJORITY] == (0.1, 100)
    assert found["balanced accuracy"] == (pytest.approx((1 + 2 / 3) / 2), 100)
