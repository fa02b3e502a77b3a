"""Temperature scaling, and measures of calibration.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: all logits are divided by one
number, fitted on data that the network was not trained on. The ranking of the labels stays.
"""

import numpy as np
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from training.exporting.card.data import ReliabilityBins

_BINS = 15
_DRAWS = 100
_DIGITS = 6  # of a bin's means


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities, float64 (samples, labels)."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature in [0.2, 5] with the least negative log-likelihood.

    logits: float (samples, labels). targets: int64 (samples,).
    """

    def loss(log_temperature: float) -> float:
        return log_loss(softmax(logits, float(np.exp(log_temperature))), targets)

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(found.x))


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean negative log-likelihood in nats; a temperature minimises it.

    It is a proper score. The expected calibration error is not: where a model hardly errs, its
    bins make it near 0 by chance.
    """
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def expected_calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean gap between confidence and accuracy over 15 equal bins, in 0..1."""
    return _gap(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets)


def calibration_error_by_chance(probabilities: np.ndarray, seed: int = 0) -> float:
    """Return the calibration error that these predictions would have if perfectly calibrated.

    It is not 0: in a bin of few samples, accuracy differs from confidence by chance. The function
    draws 100 times whether each prediction is correct, with its confidence as the probability, and
    returns the mean error of the draws (Bröcker and Smith, "Increasing the Reliability of
    Reliability Diagrams", Weather and Forecasting 2007).
    """
    confidence, generator = probabilities.max(axis=1), np.random.default_rng(seed)
    drawn = generator.random((_DRAWS, len(confidence))) < confidence
    return float(np.mean([_gap(confidence, correct) for correct in drawn]))


def reliability_bins(probabilities: np.ndarray, targets: np.ndarray, split: str) -> ReliabilityBins:
    """Return the bins of the expected calibration error, for a reliability diagram.

    probabilities: float (samples, labels). targets: int64 (samples,). split: names the samples.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    bins = _bin_of(probabilities.max(axis=1))
    counts = np.bincount(bins, minlength=_BINS)
    means = [np.bincount(bins, v, _BINS) / np.maximum(counts, 1) for v in (correct, confidence)]
    return ReliabilityBins(
        split=split,
        edges=tuple(i / _BINS for i in range(_BINS + 1)),
        counts=tuple(counts.tolist()),
        accuracy=tuple(means[0].round(_DIGITS).tolist()),
        confidence=tuple(means[1].round(_DIGITS).tolist()),
    )


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    """Return the index of each confidence's bin, int (samples,)."""
    return np.minimum((confidence * _BINS).astype(int), _BINS - 1)


def _gap(confidence: np.ndarray, correct: np.ndarray) -> float:
    bins = _bin_of(confidence)
    gaps = [
        abs(confidence[bins == b].mean() - correct[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))
