"""Confidence thresholds that promise a precision."""

import numpy as np
import pytest

from training.measuring.answer_threshold import (
    LEVEL,
    answer_figures,
    fit_answer_threshold,
    least_answered,
)


def answers(
    rng: np.random.Generator, count: int, power: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Two labels; calibrated: an answer of confidence p is right with probability p."""
    confidence = (0.5 + 0.5 * rng.random(count) ** power).astype(np.float32)
    label = rng.integers(0, 2, count)
    right = rng.random(count) < confidence
    probabilities = np.where(
        np.eye(2, dtype=bool)[label], confidence[:, None], 1 - confidence[:, None]
    )
    return probabilities.astype(np.float32), np.where(right, label, 1 - label)


def test_how_many_right_answers_it_takes():
    assert least_answered(0.99) == 230
    assert 0.99**230 <= 1 - LEVEL < 0.99**229


def test_perfect_answers_are_all_given():
    probabilities = np.tile(np.asarray([[0.9, 0.1]], np.float32), (400, 1))
    targets = np.zeros(400, np.int64)
    found = fit_answer_threshold(probabilities[:50], probabilities, targets, 0.99)
    assert found is not None
    assert (found.threshold, found.answered, found.samples) == (0.0, 1.0, 400)


def test_too_few_samples_promise_nothing():
    probabilities = np.tile(np.asarray([[0.9, 0.1]], np.float32), (229, 1))
    assert fit_answer_threshold(probabilities, probabilities, np.zeros(229, np.int64), 0.99) is None


def test_wrong_answers_promise_nothing():
    rng = np.random.default_rng(0)
    probabilities, _ = answers(rng, 800)
    targets = rng.integers(0, 2, 800)
    assert fit_answer_threshold(probabilities, probabilities, targets, 0.9) is None


def test_the_promise_holds_as_often_as_it_says():
    rng, broken, made = np.random.default_rng(1), 0, 0
    for _ in range(300):
        selection, _ = answers(rng, 150)
        calibration, targets = answers(rng, 400)
        found = fit_answer_threshold(selection, calibration, targets, 0.85)
        if found is None:
            continue
        made += 1
        fresh, truth = answers(rng, 20_000)
        precision = answer_figures(found, fresh, truth)[1].value
        broken += precision < 0.85
    assert made > 200  # it has power
    assert broken / 300 <= 1 - LEVEL


@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_figures_are_counts(threshold: float):
    rng = np.random.default_rng(2)
    probabilities, targets = answers(rng, 500)
    made = fit_answer_threshold(probabilities, probabilities, targets, 0.6)
    assert made is not None
    rule = made.model_copy(update={"threshold": threshold})
    given = probabilities.max(axis=1) >= np.float32(threshold)
    share, precision = answer_figures(rule, probabilities, targets, "files")
    assert (share.value, share.samples, share.split) == (given.mean(), 500, "files")
    right = (probabilities.argmax(axis=1) == targets)[given]
    assert (precision.value, precision.samples) == (right.mean(), given.sum())


def test_no_answer_has_no_precision():
    sure = np.tile(np.asarray([[0.9, 0.1]], np.float32), (99, 1))
    made = fit_answer_threshold(sure, sure, np.zeros(99, np.int64), 0.9)
    assert made is not None
    rule = made.model_copy(update={"threshold": 0.95})
    assert [m.value for m in answer_figures(rule, sure, np.zeros(99, np.int64))] == [0.0]
