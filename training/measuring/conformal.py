"""Split-conformal label sets: which labels are credible, at a rate that holds by theory.

Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; Papadopoulos et al.,
"Inductive Confidence Machines for Regression", ECML 2002 (a split instead of retraining); Sadinle,
Lei and Wasserman, JASA 2019 (LAC, the least ambiguous sets): a label is in the set when its
probability is no smaller than all but the share 1 - coverage of the true labels' probabilities on
calibration data. For data exchangeable with those, to which nothing may have been fitted, the set
holds the true label with a chance of `coverage` to `coverage` + 1 / (samples + 1), over the draw
of both; for one calibration set of n it is Beta distributed, with a standard deviation of about
sqrt(coverage (1 - coverage) / n). Nothing is promised of other data.

A set is empty where no label is credible. That is wanted: a model that errs less than 1 - coverage
can only keep the rate by having no credible label for the least certain inputs.
"""

import numpy as np

from app.bundle import Conformal, Measurement
from app.tasks.reliability import in_prediction_set

COVERAGE = 0.95


def least_ambiguous(
    probabilities: np.ndarray, targets: np.ndarray, coverage: float = COVERAGE
) -> Conformal | None:
    """Return the threshold for sets of this coverage; None with too few samples (below 19 at .95).

    probabilities: float32 (samples, labels), of the exported graph. targets: int64 (samples,).
    """
    truths = np.sort(probabilities[np.arange(len(targets)), targets])
    place = int(np.floor((len(truths) + 1) * (1 - coverage) + 1e-9))
    if place < 1:
        return None
    threshold = float(truths[place - 1])
    return Conformal(coverage=coverage, threshold=threshold, samples=len(truths))


def set_figures(
    conformal: Conformal, probabilities: np.ndarray, targets: np.ndarray, split: str = "test"
) -> list[Measurement]:
    """Return what the sets are like on untouched data, which are called `split`."""
    sets = in_prediction_set(probabilities, conformal)
    sizes, right = sets.sum(axis=1), probabilities.argmax(axis=1) == targets
    one = sizes == 1
    figures = {
        f"coverage of the {100 * conformal.coverage:g} % label set": (
            sets[np.arange(len(targets)), targets]
        ),
        "mean size of the label set": sizes,
        "share of empty label sets": sizes == 0,
        "accuracy where the label set is one label": right[one],
    }
    return [
        Measurement(name=name, value=float(values.mean()), split=split, samples=len(values))
        for name, values in figures.items()
        if len(values)
    ]
