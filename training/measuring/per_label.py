"""Figures that an imbalance of labels cannot hide: of each label, balanced, and of the majority.

Balanced accuracy is the mean of the labels' recalls (Brodersen et al., "The Balanced Accuracy and
Its Posterior Distribution", ICPR 2010). A model that always gives the most frequent label has 1 /
labels, however accurate it is.
"""

from collections.abc import Sequence

import numpy as np

from app.bundle import Measurement
from training.exporting.card.data import LabelFigures
from training.measuring.evaluate import to_measurements

BALANCED = "balanced accuracy"
MAJORITY = "accuracy of always giving the most frequent label"


def label_figures(confusion: np.ndarray, labels: Sequence[str]) -> tuple[LabelFigures, ...]:
    """Return the figures of each label; confusion: int (labels, labels), a row is the true label.

    A label without samples has no recall, one that was never predicted no precision.
    """
    right = np.diag(confusion)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        LabelFigures(
            label=label,
            support=int(support[i]),
            recall=_share(right[i], support[i]),
            precision=_share(right[i], predicted[i]),
            f1=_share(2 * right[i], support[i] + predicted[i]),
        )
        for i, label in enumerate(labels)
    )


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Return the mean recall of the labels that have samples, 0..1."""
    support = confusion.sum(axis=1)
    present = support > 0
    return float((np.diag(confusion)[present] / support[present]).mean()) if present.any() else 0.0


def imbalance_figures(
    confusion: np.ndarray, train: np.ndarray, split: str = "test"
) -> list[Measurement]:
    """Return balanced accuracy, mean F1, and the accuracy of the majority.

    confusion: int (labels, labels), on `split`. train: the targets of the training split, int64
    (samples,), whose most frequent label is the majority.
    """
    support = confusion.sum(axis=1)
    present = np.flatnonzero(support > 0)
    each = label_figures(confusion, [str(i) for i in range(len(confusion))])
    figures = {
        BALANCED: balanced_accuracy(confusion),
        "mean F1 of the labels": float(np.mean([each[i].f1 or 0.0 for i in present])),
        MAJORITY: float(support[majority(train)] / max(int(support.sum()), 1)),
    }
    return to_measurements(figures, split, int(support.sum()))


def majority(train: np.ndarray) -> int:
    """Return the index of the most frequent label; train: int64 (samples,)."""
    return int(np.bincount(train).argmax())
