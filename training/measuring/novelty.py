"""The novelty score of a classifier: how it is fitted, and its AUROC on outliers.

Without training outliers the score is fitted to the training data alone (`RelativeMahalanobis`), so
that it prefers no kind of outlier. Networks with features that describe an input whatever its label
(`ModelOutput.ood_features`: of trees, and of character n-grams) use the plain distance
(`Mahalanobis`), because their labels are no kinds of inputs. Some recipes have training outliers
(`OutlierExposure`), because the features of two classes, as of mails, say too little about other
data; other kinds of outliers then measure the score. The threshold is set so that the share
`IN_DISTRIBUTION_RATE` of held-out data is below it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from app.bundle import Measurement, NoveltyScore
from training.data.encode import Examples
from training.measuring.evaluate import features_of
from training.networks.heads.novelty import (
    Mahalanobis,
    NoveltyHead,
    OutlierExposure,
    RelativeMahalanobis,
)
from training.networks.network import ReadableNetwork

IN_DISTRIBUTION_RATE = 0.98  # share of in-distribution data below the threshold
MIN_CALIBRATION = 19  # calibration samples, as many as the prediction sets need
MAX_FEATURE_SAMPLES = 10_000  # training samples that are read
DIRECTIONS = 256  # number of principal components that are kept
SHRINKAGE = 0.01  # of a covariance towards a multiple of the identity
STRENGTH = 0.1  # C of the logistic regression; small, to generalise to other kinds of outliers
_STEEPNESS = 3.0  # the median of held-out data gets a novelty of sigmoid(-3) = .05


def fit_novelty(
    network: nn.Module, train: Examples, calibration: Examples, outliers: Sequence[Examples] = ()
) -> tuple[NoveltyHead | None, NoveltyScore | None]:
    """Return the module for the graph and the entry for the manifest.

    outliers: the training outliers, kind by kind. Both results are None where the network has no
    method `read`, and with fewer than `MIN_CALIBRATION` calibration samples.
    """
    if not isinstance(network, ReadableNetwork) or len(calibration) < MIN_CALIBRATION:
        return None, None
    every = np.linspace(0, len(train) - 1, min(len(train), MAX_FEATURE_SAMPLES)).astype(int)
    features = features_of(network, train, every)
    method: Literal["relative-mahalanobis", "mahalanobis", "outlier-exposure"]
    distance: nn.Module
    if outliers:
        others = np.concatenate([features_of(network, examples) for examples in outliers])
        method, distance = "outlier-exposure", outlier_exposure(features, others)
    elif _describes_inputs(network, train):
        method, distance = "mahalanobis", mahalanobis(features)
    else:
        method = "relative-mahalanobis"
        distance = relative_mahalanobis(features, train.targets[every])
    with torch.no_grad():
        found = distance(torch.from_numpy(features_of(network, calibration))).numpy()
    threshold = quantile_threshold(found, IN_DISTRIBUTION_RATE)
    scale = max((threshold - float(np.median(found))) / _STEEPNESS, 1e-3)
    score = NoveltyScore(method=method, kept=IN_DISTRIBUTION_RATE, samples=len(calibration))
    return NoveltyHead(distance, threshold, scale), score


def _describes_inputs(network: ReadableNetwork, examples: Examples) -> bool:
    """Return whether the network's features describe an input whatever its label."""
    inputs, _ = examples.batch([0])
    with torch.no_grad():
        found = network.read(*(torch.from_numpy(array) for array in inputs))
    return found.ood_features is not None


def quantile_threshold(scores: np.ndarray, share: float) -> float:
    """Return the threshold that this share of calibration scores, float (samples,), is below."""
    above = int((len(scores) + 1) * (1 - share))  # the number of scores above it, perhaps 0
    return float(np.sort(scores)[-max(above, 1)])


def outlier_exposure(features: np.ndarray, outliers: np.ndarray) -> OutlierExposure:
    """Fit the log odds of an outlier, both classes with equal weight; both float32 (samples, d)."""
    both = np.concatenate([features, outliers]).astype(np.float64)
    mean, spread = both.mean(axis=0), np.maximum(both.std(axis=0), 1e-6)
    truth = np.repeat([0, 1], [len(features), len(outliers)])
    fitted = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    fitted.fit((both - mean) / spread, truth)
    weights = fitted.coef_[0] / spread
    distance = OutlierExposure(len(mean), 1)
    with torch.no_grad():
        distance.weight.copy_(torch.from_numpy(weights)[None])
        distance.bias.fill_(float(fitted.intercept_[0] - weights @ mean))
    return distance.requires_grad_(False)


def mahalanobis(features: np.ndarray) -> Mahalanobis:
    """Fit the distance; features: float32 (samples, d)."""
    points = features.astype(np.float64)
    centre = points.mean(axis=0)
    arrays = (centre, _factor(points - centre))
    return Mahalanobis(*(torch.from_numpy(a.astype(np.float32)) for a in arrays))


def relative_mahalanobis(features: np.ndarray, targets: np.ndarray) -> RelativeMahalanobis:
    """Fit the distances; features: float32 (samples, d), targets: int64 (samples,)."""
    points = features.astype(np.float64)
    centre = points.mean(axis=0)
    centred = points - centre
    _, directions = np.linalg.eigh(centred.T @ centred)
    basis = directions[:, ::-1][:, :DIRECTIONS]
    reduced = centred @ basis
    means = np.stack([reduced[targets == label].mean(axis=0) for label in np.unique(targets)])
    nearest = np.searchsorted(np.unique(targets), targets)
    within, overall = _factor(reduced - means[nearest]), _factor(reduced)
    arrays = (centre, basis @ within, basis @ overall, means @ within)
    return RelativeMahalanobis(*(torch.from_numpy(a.astype(np.float32)) for a in arrays))


def _factor(points: np.ndarray) -> np.ndarray:
    """Return F with F @ F.T the inverse of the shrunk covariance of centred points (samples, r)."""
    covariance = points.T @ points / len(points)
    level = np.trace(covariance) / len(covariance) or 1.0
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(len(covariance))
    return np.asarray(np.linalg.cholesky(np.linalg.inv(shrunk)))


def novelty_figures(
    in_distribution: np.ndarray, outliers: Mapping[str, np.ndarray]
) -> list[Measurement]:
    """Return the AUROC of the novelty between the test split and each kind of outlier.

    in_distribution, outliers: novelty, float (samples,). An AUROC is the probability that an
    outlier has a higher novelty than a test sample.
    """
    figures = []
    for kind, novelty in outliers.items():
        truth = np.repeat([0, 1], [len(in_distribution), len(novelty)])
        figures.append(
            Measurement(
                name="AUROC of the novelty",
                value=float(roc_auc_score(truth, np.concatenate([in_distribution, novelty]))),
                split=f"test against {kind}",
                samples=len(truth),
            )
        )
    return figures
