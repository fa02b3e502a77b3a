"""Multinomial logistic regression at several strengths, each from the solution before it.

The features are standardised. A strength is scikit-learn's C: the penalty of a weight w is
w² / (2 C samples), and the bias has none. The strengths go from the strongest penalty to the
weakest, so a solution is near the next one: the path takes about as many steps as its last part
alone. Losses and gradients are sums over parts of the samples, so the features may lie in a file.
torch multiplies, because numpy's threads wait for one another by spinning, which uses processors up
that others want.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from scipy.optimize import minimize  # type: ignore[import-untyped]

from training.progress import Progress

_LOG = logging.getLogger(__name__)
_FLAT = 1e-6  # a feature that varies less is left as it is
_ROWS = 8192  # samples of a part
_STEPS = 1000  # of L-BFGS at one strength, at most
ROUGH, FINE = 1e-4, 1e-6  # of a gradient: to compare strengths, and for what is kept


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """The mean and the deviation of each feature, float64 (d,)."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "FeatureScale":
        """Return those of features (samples, d); of one that hardly varies the deviation is 1."""
        mean = sum(part.sum(axis=0, dtype=np.float64) for _, part in _parts(features))
        mean = mean / len(features)
        squares = sum(np.square(part - mean).sum(axis=0) for _, part in _parts(features))
        deviation = np.sqrt(squares / len(features))
        deviation[deviation < _FLAT] = 1.0
        return cls(mean, deviation)

    def standardised(self, features: np.ndarray) -> np.ndarray:
        """Return features (samples, d) with a mean of 0 and a deviation of 1, float32."""
        found = np.empty(features.shape, dtype=np.float32)
        for place, part in _parts(features):
            found[place] = (part - self.mean) / self.deviation
        return found


@dataclass(frozen=True, slots=True)
class Solution:
    """weight: (labels, d), bias: (labels,), both float64, each with a mean of 0 over the labels."""

    weight: np.ndarray
    bias: np.ndarray


def regression_path(
    features: np.ndarray,
    targets: np.ndarray,
    strengths: Sequence[float],
    labels: int,
    weights: np.ndarray | None = None,
) -> Iterator[Solution]:
    """Yield the solution for each strength in turn; see `regression`."""
    solution = Solution(np.zeros((labels, features.shape[1])), np.zeros(labels))
    for strength in strengths:
        solution = regression(features, targets, strength, solution, weights=weights)
        yield solution


def regression(
    features: np.ndarray,
    targets: np.ndarray,
    strength: float,
    start: Solution,
    *,
    weights: np.ndarray | None = None,
    gradient: float = ROUGH,
) -> Solution:
    """Return the solution that the search comes to from another one.

    features: standardised, float32 (samples, d). targets: int64 (samples,), from 0. weights: of the
    samples in the loss, float32 (samples,); without them all are 1. gradient: its largest component
    where the search ends. With two labels each gets half of the logit.
    """
    # With two labels a binomial regression has one weight, w, with the penalty of its own; the two
    # weights -w/2 and w/2 have half of that together.
    penalty = 1 / (strength * len(targets)) * (2 if len(start.bias) == 2 else 1)
    progress = Progress(_LOG, f"regression of strength {strength:.1e}: step %d of %d", _STEPS)
    steps = count(1)
    found = minimize(
        _loss_and_gradient,
        np.concatenate([start.weight, start.bias[:, None]], axis=1).ravel(),
        (features, targets, penalty, weights),
        method="L-BFGS-B",
        jac=True,
        callback=lambda _: progress(next(steps)),
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "gtol": gradient, "ftol": 1e-9},
    )
    both = found.x.reshape(len(start.bias), -1)
    both = both - both.mean(axis=0)
    return Solution(both[:, :-1].copy(), both[:, -1].copy())


def cross_entropy(
    scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the mean cross-entropy of logits (samples, labels), weighted by sample if asked."""
    largest = scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores - largest).sum(axis=1)) + largest[:, 0]
    losses = total - scores[np.arange(len(targets)), targets]
    return float(np.average(losses, weights=weights))


def _loss_and_gradient(
    flat: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    penalty: float,
    weights: np.ndarray | None,
) -> tuple[float, np.ndarray]:
    """Return the mean loss with its penalty, and its gradient, float64 as `flat`."""
    solution = flat.reshape(-1, features.shape[1] + 1)
    weight = torch.from_numpy(solution[:, :-1].astype(np.float32))
    bias = torch.from_numpy(solution[:, -1].astype(np.float32))
    gradient, loss = np.zeros_like(solution), 0.0
    for place, part in _parts(features):
        points, truths = torch.from_numpy(part), torch.from_numpy(targets[place])
        logs = torch.log_softmax(torch.addmm(bias, points, weight.T), dim=1)
        rows = torch.arange(len(truths))
        own = logs[rows, truths].double()
        errors = logs.exp_()
        errors[rows, truths] -= 1
        if weights is not None:
            each = torch.from_numpy(weights[place])
            own, errors = own * each, errors * each[:, None]
        loss -= float(own.sum())
        gradient[:, :-1] += (errors.T @ points).numpy()
        gradient[:, -1] += errors.double().sum(0).numpy()
    gradient /= len(targets)
    gradient[:, :-1] += penalty * solution[:, :-1]
    penalised = loss / len(targets) + penalty / 2 * float((solution[:, :-1] ** 2).sum())
    return penalised, gradient.ravel()


def _parts(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(features), _ROWS):
        place = slice(start, start + _ROWS)
        yield place, features[place]
