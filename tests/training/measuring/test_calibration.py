"""Temperature and its measure."""

import numpy as np
import pytest

from training.measuring.calibration import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_temperature,
    softmax,
)

RNG = np.random.default_rng(0)


def drawn(count: int = 4000, labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets drawn by the very probabilities that they give."""
    logits = RNG.normal(0, 2, (count, labels))
    chances = softmax(logits).cumsum(axis=1)
    return logits, (RNG.random((count, 1)) < chances).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_fit_temperature_recovers_a_known_one(temperature: float):
    logits, targets = drawn()
    assert fit_temperature(logits * temperature, targets) == pytest.approx(temperature, rel=0.08)


def test_fit_temperature_stays_within_bounds():
    sure = np.eye(3)[[0, 1, 2] * 20] * 50
    assert 0.2 <= fit_temperature(sure, np.array([0, 1, 2] * 20)) <= 5
    assert 0.2 <= fit_temperature(sure, np.array([1, 2, 0] * 20)) <= 5.001


def test_temperature_keeps_the_ranking():
    logits, _ = drawn(100)
    order = logits.argsort(axis=1)
    assert np.array_equal(softmax(logits, 3.3).argsort(axis=1), order)


def test_softmax_is_stable_and_sums_to_one():
    probabilities = softmax(np.array([[1e4, 0.0], [-1e4, 1e4]], dtype=np.float32))
    assert np.isfinite(probabilities).all()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_calibration_error_of_calibrated_probabilities_is_small():
    logits, targets = drawn()
    right = expected_calibration_error(softmax(logits), targets)
    bold = expected_calibration_error(softmax(logits * 4), targets)
    assert right < 0.04 < bold


def test_calibration_error_of_confident_mistakes_is_one():
    assert expected_calibration_error(np.eye(2)[[0, 0]], np.array([1, 1])) == 1.0
    assert expected_calibration_error(np.eye(2)[[0, 1]], np.array([0, 1])) == 0.0


def test_calibration_error_by_chance_is_that_of_labels_drawn_from_the_probabilities():
    errors = []
    for _ in range(100):
        logits, targets = drawn(500)
        probabilities = softmax(logits)
        errors.append(expected_calibration_error(probabilities, targets))
    actual = calibration_error_by_chance(probabilities)
    assert (
        actual
        == calibration_error_by_chance(probabilities)
        == pytest.approx(np.mean(errors), rel=0.1)
    )


def test_calibration_error_by_chance_shrinks_with_samples():
    assert calibration_error_by_chance(np.eye(2)[[0, 1]]) == 0.0
    probabilities = softmax(drawn(4000)[0])
    few, many = (calibration_error_by_chance(probabilities[:count]) for count in (100, 4000))
    assert many < few / 3
