"""The confidence at which a model answers, so that its answers have a precision that is asked for.

Selective classification: Geifman and El-Yaniv, "Selective Classification for Deep Neural
Networks", NeurIPS 2017. The threshold is found by fixed sequence testing: Angelopoulos, Bates,
Candès, Jordan and Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
Control", 2021. Candidates are confidences that a tenth, two tenths, … of the selection part reach;
the first is the highest at which so many calibration samples are expected to be answered that the
precision could be shown at all. Each is tested on the calibration part, to which nothing was
fitted, by the exact binomial test (Clopper and Pearson, Biometrika 1934), until one fails; the last
that passed is the threshold. With a probability of `LEVEL` or more, over the draw of the
calibration part, the answers at this threshold then have the precision, for data like it.
"""

from math import ceil, log

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped]

from app.bundle import AnswerThreshold, Measurement
from app.tasks.reliability import is_confident
from training.measuring.evaluate import to_measurements

LEVEL = 0.9
_STEPS = 10  # candidates


def least_answered(precision: float, level: float = LEVEL) -> int:
    """Return how many answers, all of them right, it takes to show a precision."""
    return ceil(log(1 - level) / log(precision))


def fit_answer_threshold(
    selection: np.ndarray,
    calibration: np.ndarray,
    targets: np.ndarray,
    precision: float,
    level: float = LEVEL,
) -> AnswerThreshold | None:
    """Return the threshold at which the most is answered; None where none can be shown to do.

    selection, calibration: probabilities, float32 (samples, labels). targets: of the calibration
    part, int64 (samples,).
    """
    right = calibration.argmax(axis=1) == targets
    least, found = least_answered(precision, level), None
    for step in range(1, _STEPS + 1):
        if step / _STEPS * len(targets) < least:
            continue
        threshold = _reached_by(selection, step / _STEPS)
        answered = is_confident(calibration, threshold)
        errors, count = int((answered & ~right).sum()), int(answered.sum())
        if count < least or binom.cdf(errors, count, 1 - precision) > 1 - level:
            break
        found = AnswerThreshold(
            precision=precision,
            level=level,
            threshold=threshold,
            samples=len(targets),
            answered=count / len(targets),
        )
    return found


def _reached_by(probabilities: np.ndarray, share: float) -> float:
    """Return the confidence that this share of the samples reaches; 0 for all of them."""
    if share >= 1 or not len(probabilities):
        return 0.0
    highest = np.sort(probabilities.max(axis=1))[::-1]
    return float(highest[max(round(share * len(highest)), 1) - 1])


def answer_figures(
    rule: AnswerThreshold, probabilities: np.ndarray, targets: np.ndarray, split: str = "test"
) -> list[Measurement]:
    """Return the share that is answered at a threshold, and the precision of these answers.

    probabilities: float32 (samples, labels). targets: int64 (samples,), of data by which nothing
    was set.
    """
    answered = is_confident(probabilities, rule.threshold)
    share = to_measurements(
        {"share of answers that reach the confidence": float(answered.mean())}, split, len(targets)
    )
    right = (probabilities.argmax(axis=1) == targets)[answered]
    if not len(right):
        return share
    name = "precision of the answers that reach the confidence"
    return [*share, *to_measurements({name: float(right.mean())}, split, len(right))]
