"""Whether a classifier is worth anything: better than its most frequent label, and of every label.

Of 380 circles and 20 squares, a network that never answers "square" is right for 95 of 100. So a
model is worthless where it is better than always giving the most frequent label neither by its
accuracy nor by its balanced accuracy, by more than chance; or where it never gives some label of
which there are `ENOUGH` samples.

By its accuracy it is better where McNemar's exact test, one-sided, gives 5 % or less: of the
samples that only one of the two gets right, too many are the model's to be a matter of chance. By
its balanced accuracy it is better where this is above 1 / labels by more than 1.645 standard
errors; the labels are strata of equal weight, and a label with one sample takes the variance of
all samples (see `training.measuring.version_comparison`). Validation and test samples count: the
former chose an epoch among some, which flatters the model a little, but of few samples six alone
could not show anything.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]

from training.measuring.per_label import balanced_accuracy

SIGNIFICANCE = 0.05
_Z = 1.645  # the normal quantile of 1 - SIGNIFICANCE
ENOUGH = 3  # held-out samples of a label; a fair model may miss two
_NAMED = 3


def why_worthless(
    test: np.ndarray, validation: np.ndarray, majority: int, labels: Sequence[str]
) -> str | None:
    """Return why a model is worthless, with the numbers; None if it is not.

    test, validation: confusion matrices, int (labels, labels); a row is the true label. majority:
    the index of the most frequent label of the training split.
    """
    both = test + validation
    reasons = [_never_given(both, labels)]
    if not (more_accurate(both, majority) or more_balanced(both)):
        count, present = int(both.sum()), int((both.sum(axis=1) > 0).sum())
        accuracy, other = np.trace(both) / count, both[majority].sum() / count
        reasons.append(
            f"it is not better than always giving {labels[majority]!r}, by more than chance: on "
            f"{count} validation and test samples its accuracy is {_percent(accuracy)} against "
            f"{_percent(other)}, its balanced accuracy {_percent(balanced_accuracy(both))} against "
            f"{_percent(1 / max(present, 1))}"
        )
    return "; ".join(reason for reason in reasons if reason) or None


def more_accurate(confusion: np.ndarray, majority: int) -> bool:
    """Return whether a model is more accurate than always giving a label, by more than chance."""
    gained = int(np.trace(confusion) - confusion[majority, majority])
    lost = int(confusion[majority].sum() - confusion[majority, majority])
    if not gained:
        return False
    found = binomtest(gained, gained + lost, alternative="greater")
    return bool(found.pvalue <= SIGNIFICANCE)


def more_balanced(confusion: np.ndarray) -> bool:
    """Return whether the balanced accuracy is above that of a guess, by more than chance."""
    support = confusion.sum(axis=1)
    present = support > 0
    counts = support[present].astype(np.float64)
    recalls = np.diag(confusion)[present] / counts
    overall = np.trace(confusion) / counts.sum()
    variances = np.where(
        counts > 1,
        recalls * (1 - recalls) / np.maximum(counts - 1, 1),
        overall * (1 - overall),
    )
    error = float(np.sqrt(variances.sum())) / len(counts)
    return float(recalls.mean()) - 1 / len(counts) > _Z * error


def _never_given(confusion: np.ndarray, labels: Sequence[str]) -> str:
    support = confusion.sum(axis=1)
    never = np.flatnonzero((support >= ENOUGH) & (confusion.sum(axis=0) == 0))
    if not len(never):
        return ""
    named = ", ".join(f"{labels[i]!r} ({support[i]} samples)" for i in never[:_NAMED])
    more = f" and {len(never) - _NAMED} more labels" if len(never) > _NAMED else ""
    return f"on {int(support.sum())} validation and test samples it never answers {named}{more}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
