"""The novelty score: by hand, in torch and in the exported graph."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from app.bundle.tensors import NOVELTY
from tests.training.samples import SQUARE, Seeing, squares
from training.data.encode import Examples
from training.exporting.export import Servable, check_parity, export
from training.exporting.graph import run_graph
from training.measuring.evaluate import features_of
from training.measuring.novelty import (
    IN_DISTRIBUTION_RATE,
    SHRINKAGE,
    fit_novelty,
    novelty_figures,
    outlier_exposure,
    relative_mahalanobis,
)

RNG = np.random.default_rng(3)
TARGETS = np.repeat([0, 1, 2], 60)
POINTS = (RNG.normal(0, [1, 2, 0.5, 1], (180, 4)) + 4 * np.eye(3, 4)[TARGETS]).astype(np.float32)


def striped(examples: Examples) -> Examples:
    """As many pictures of black and white columns, which no square has."""
    stripes = np.broadcast_to(np.asarray([0, 255, 0, 255], np.uint8)[:, None], (4, 4, 1)).copy()
    items = [{"image": stripes} for _ in examples.items]
    return replace(examples, items=items)


def test_relative_mahalanobis_is_the_difference_of_two_distances():
    head = relative_mahalanobis(POINTS, TARGETS)

    def shrunk(points: np.ndarray) -> np.ndarray:
        covariance = points.T @ points / len(points)
        level = SHRINKAGE * np.trace(covariance) / 4
        return np.linalg.inv((1 - SHRINKAGE) * covariance + level * np.eye(4))

    means = np.stack([POINTS[label == TARGETS].mean(0) for label in range(3)])
    within, overall = shrunk(POINTS - means[TARGETS]), shrunk(POINTS - POINTS.mean(0))
    item = np.asarray([1.0, -2.0, 3.0, 0.5], np.float32)
    near = min((item - mean) @ within @ (item - mean) for mean in means)
    far = (item - POINTS.mean(0)) @ overall @ (item - POINTS.mean(0))
    found = head(torch.from_numpy(item)[None])
    assert found.item() == pytest.approx(near - far, rel=1e-4)


def test_constant_features_give_finite_distances():
    points = np.concatenate([POINTS, np.zeros((180, 3), np.float32)], axis=1)
    for head in (relative_mahalanobis(points, TARGETS), outlier_exposure(points, points + 1)):
        assert torch.isfinite(head(torch.from_numpy(points))).all()


def test_outlier_exposure_generalises_beyond_its_outliers():
    shown = POINTS[:60] + np.asarray([0, 0, 0, 6], np.float32)
    head = outlier_exposure(POINTS, shown)
    odds = [head(torch.from_numpy(points)) for points in (POINTS, shown, 2 * shown - POINTS[:60])]
    assert (odds[0] < 0).float().mean() > 0.95 and (odds[1] > 0).float().mean() > 0.95
    assert odds[2].mean() > odds[1].mean()


def test_novelty_can_be_fitted_to_outliers():
    network, known = Seeing(), squares(200, seed=0)
    head, score = fit_novelty(network, known, squares(400, seed=1), [striped(squares(20, seed=3))])
    assert score.method == "outlier-exposure"
    with torch.no_grad():
        novelty = head(torch.from_numpy(features_of(network, striped(known))), torch.zeros(0))
    assert (novelty > 0.5).all()


def test_novelty_threshold_keeps_in_distribution_data():
    network, known = Seeing(), squares(200, seed=0)
    head, score = fit_novelty(network, known, squares(400, seed=1))
    assert (score.kept, score.samples, score.threshold) == (IN_DISTRIBUTION_RATE, 400, 0.5)
    for examples, low, high in ((squares(1000, seed=2), 0, 0.06), (striped(known), 0.99, 1)):
        with torch.no_grad():
            novelty = head(torch.from_numpy(features_of(network, examples)), torch.zeros(0))
        assert low <= float((novelty >= 0.5).float().mean()) <= high


@pytest.mark.slow
def test_novelty_of_a_batch_equals_that_of_single_items():
    network, known = Seeing().eval(), squares(200, seed=0)
    head, _ = fit_novelty(network, known, squares(60, seed=1))
    served = Servable(network, 1.0, head)
    arrays = [torch.from_numpy(array) for array in known.batch([0, 1])[0]]
    model, test = export(served, SQUARE, arrays), squares(40, seed=4)
    assert check_parity(model, served, test, SQUARE) < 1e-4
    together = run_graph(model, test, [NOVELTY])[NOVELTY]
    alone = [run_graph(model, test.select([i]), [NOVELTY])[NOVELTY][0] for i in range(40)]
    assert together == pytest.approx(np.asarray(alone), abs=1e-6)
    assert ((together >= 0) & (together <= 1)).all()


def test_no_novelty_without_embedding_or_enough_samples():
    known = squares(60, seed=0)
    assert fit_novelty(nn.Linear(1, 1), known, known) == (None, None)
    assert fit_novelty(Seeing(), known, squares(18, seed=1)) == (None, None)


def test_novelty_auroc_by_kind():
    in_distribution = np.linspace(0, 0.6, 61)
    figures = novelty_figures(in_distribution, {"x": np.asarray([0.9, 0.8]), "y": in_distribution})
    assert {m.split: m.value for m in figures} == {"test against x": 1.0, "test against y": 0.5}
