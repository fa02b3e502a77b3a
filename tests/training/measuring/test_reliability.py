"""Label sets: what theory promises, and that nothing is promised with too little data."""

import numpy as np
import pytest

from training.measuring.calibration import softmax
from training.measuring.reliability import fit_conformal, prediction_set_figures


def drawn(count: int, rng: np.random.Generator, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of ten labels that lean, some wrongly, towards the drawn target."""
    targets = rng.integers(0, 10, count)
    logits = rng.normal(0, 1, (count, 10))
    logits[np.arange(count), targets] += sharpness
    return softmax(logits).astype(np.float32), targets


@pytest.mark.parametrize("sharpness", [1.0, 3.0, 6.0])
@pytest.mark.parametrize(("samples", "coverage"), [(199, 0.95), (250, 0.9), (30, 0.95)])
def test_coverage_of_prediction_sets_is_that_of_theory(
    sharpness: float, samples: int, coverage: float
):
    """Beta(n + 1 - k, k) over calibration sets, k the place of the threshold."""
    rng, found = np.random.default_rng(7), []
    for _ in range(300):
        rule = fit_conformal(*drawn(samples, rng, sharpness), coverage)
        probabilities, targets = drawn(500, rng, sharpness)
        figures = {m.name: m.value for m in prediction_set_figures(rule, probabilities, targets)}
        found.append(figures[f"coverage of the {100 * coverage:g} % label set"])
    place = int((samples + 1) * (1 - coverage) + 1e-9)
    expected = 1 - place / (samples + 1)
    spread = np.sqrt(expected * (1 - expected) * (1 / (samples + 2) + 1 / 500))
    assert expected >= coverage
    assert np.mean(found) == pytest.approx(expected, abs=4 * spread / np.sqrt(300))
    assert np.std(found) == pytest.approx(spread, rel=0.2)


def test_accurate_model_has_some_empty_prediction_sets():
    rng = np.random.default_rng(0)
    rule = fit_conformal(*drawn(999, rng, 4.5))
    probabilities, targets = drawn(5000, rng, 4.5)
    figures = {m.name: m.value for m in prediction_set_figures(rule, probabilities, targets)}
    assert 0.94 < figures["coverage of the 95 % label set"] < 0.96
    assert 0.03 < figures["share of empty label sets"] < 0.06
    accuracy = float((probabilities.argmax(1) == targets).mean())
    assert figures["accuracy where the label set is one label"] > accuracy > 0.97


def test_conformal_threshold_is_a_true_labels_probability():
    probabilities, targets = drawn(99, np.random.default_rng(1), 2.0)
    truths = np.sort(probabilities[np.arange(99), targets])
    assert fit_conformal(probabilities, targets).threshold == truths[4]


@pytest.mark.parametrize(("samples", "enough"), [(18, False), (19, True)])
def test_too_few_samples_for_a_conformal_threshold(samples: int, enough: bool):
    rule = fit_conformal(*drawn(samples, np.random.default_rng(2), 2.0))
    assert (rule is not None) == enough
