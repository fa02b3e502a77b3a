"""Fitting the novelty score, and measuring it on data that it has never seen.

Where a recipe shows no outliers the score knows the training data alone (`RelativeMahalanobis`), so
no kind of outlier is privileged; of trees, whose labels are no kinds of trees, the plain distance
is taken (`Mahalanobis`). Where the features of two classes tell too little of what else
there is, as with mails, kinds of outliers are shown in training (`OutlierExposure`), and others
are kept aside to measure by. The threshold stands where the share `KEPT` of held-out data is
called familiar.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from app.bundle import Measurement, NoveltyScore
from app.bundle.tensors import is_forest
from training.data.encode import Examples
from training.measuring.evaluate import features_of
from training.networks.heads.novelty import (
    Mahalanobis,
    NoveltyHead,
    OutlierExposure,
    RelativeMahalanobis,
)

KEPT = 0.98  # of data like the training data is below the threshold
FEWEST = 19  # calibration samples, as many as the label sets need
MOST = 10_000  # training samples that are read
DIRECTIONS = 256  # of the features that are kept, those of the largest variance
SHRINKAGE = 0.01  # of a covariance towards a multiple of the identity
STRENGTH = 0.1  # C of the logistic regression, small: outliers of other kinds are meant too
_STEEPNESS = 3.0  # the median of held-out data gets a novelty of sigmoid(-3) = .05


def fit_novelty(
    network: nn.Module, train: Examples, calibration: Examples, shown: Sequence[Examples] = ()
) -> tuple[NoveltyHead | None, NoveltyScore | None]:
    """Return the head for the graph, and what the manifest says of it.

    Neither where the network tells no embedding or with too few calibration samples.
    """
    if not hasattr(network, "read") or len(calibration) < FEWEST:
        return None, None
    every = np.linspace(0, len(train) - 1, min(len(train), MOST)).astype(int)
    known = train.select(every.tolist())
    features = features_of(network, known)
    method: Literal["relative-mahalanobis", "mahalanobis", "outlier-exposure"]
    distance: nn.Module
    if shown:
        others = np.concatenate([features_of(network, examples) for examples in shown])
        method, distance = "outlier-exposure", outlier_exposure(features, others)
    elif is_forest(train.inputs):
        method, distance = "mahalanobis", mahalanobis(features)
    else:
        method = "relative-mahalanobis"
        distance = relative_mahalanobis(features, known.targets)
    with torch.no_grad():
        found = distance(torch.from_numpy(features_of(network, calibration))).numpy()
    threshold = quantile_threshold(found, KEPT)
    scale = max((threshold - float(np.median(found))) / _STEEPNESS, 1e-3)
    score = NoveltyScore(method=method, kept=KEPT, samples=len(calibration))
    return NoveltyHead(distance, threshold, scale), score


def quantile_threshold(found: np.ndarray, share: float) -> float:
    """Return what this share of calibration data is below; found: float (samples,)."""
    place = int((len(found) + 1) * (1 - share))  # so many are above; 0: none
    return float(np.sort(found)[-max(place, 1)])


def outlier_exposure(features: np.ndarray, outliers: np.ndarray) -> OutlierExposure:
    """Fit the log odds of an outlier, both weighing alike; both float32 (samples, d)."""
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


def novelty_figures(familiar: np.ndarray, outliers: Mapping[str, np.ndarray]) -> list[Measurement]:
    """Return how well the novelty, (samples,), tells each kind of outliers from the test split.

    An AUROC is the chance that an outlier has a higher novelty than a test sample.
    """
    figures = []
    for kind, novelty in outliers.items():
        truth = np.repeat([0, 1], [len(familiar), len(novelty)])
        figures.append(
            Measurement(
                name="AUROC of the novelty",
                value=float(roc_auc_score(truth, np.concatenate([familiar, novelty]))),
                split=f"test against {kind}",
                samples=len(truth),
            )
        )
    return figures
