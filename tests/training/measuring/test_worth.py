"""Models that are worth nothing."""

import numpy as np
import pytest

from training.measuring.worth import more_accurate, more_balanced, why_worthless

LABELS = ("circle", "square")
NONE = np.zeros((2, 2), np.int64)


def matrix(*rows: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rows, dtype=np.int64)


def test_a_model_that_never_gives_a_label_is_named_with_its_numbers():
    reason = why_worthless(matrix((57, 0), (3, 0)), matrix((38, 0), (2, 0)), 0, LABELS)
    assert reason is not None
    assert "on 100 validation and test samples it never answers 'square' (5 samples)" in reason
    assert "accuracy is 95.0 % against 95.0 %" in reason
    assert "balanced accuracy 50.0 % against 50.0 %" in reason


def test_two_samples_of_a_label_are_too_few_to_miss_it():
    few, enough = matrix((9, 0, 0), (0, 9, 0), (1, 0, 0)), matrix((9, 0, 0), (0, 9, 0), (2, 0, 0))
    validation = matrix((5, 0, 0), (0, 5, 0), (1, 0, 0))
    assert why_worthless(few, validation, 0, "abc") is None
    assert why_worthless(enough, validation, 0, "abc") is not None


def test_an_answer_in_the_validation_split_is_an_answer():
    reason = why_worthless(matrix((57, 0), (3, 0)), matrix((38, 0), (0, 2)), 0, LABELS)
    assert reason is not None and "never" not in reason


@pytest.mark.parametrize(
    "test",
    [
        matrix((57, 0), (0, 3)),  # perfect
        matrix((50, 7), (0, 3)),  # less accurate than the majority, and of use
        matrix((1, 0), (0, 1)),  # perfect, as far as two samples say
        matrix((400, 100), (60, 240)),
        matrix((650, 0), (300, 50)),  # more accurate by 50 samples
    ],
)
def test_models_of_use(test: np.ndarray):
    assert why_worthless(test, NONE, 0, LABELS) is None


@pytest.mark.parametrize(
    "test",
    [
        matrix((56, 1), (3, 0)),
        matrix((50, 7), (2, 1)),  # a square more than by chance, of three
        matrix((250, 250), (150, 150)),  # a coin
        matrix((0, 50), (50, 0)),  # always wrong
    ],
)
def test_models_of_no_use(test: np.ndarray):
    assert why_worthless(test, NONE, 0, LABELS) is not None


def test_a_label_without_samples_is_no_reason():
    assert (
        why_worthless(matrix((9, 0, 0), (0, 9, 0), (0, 0, 0)), np.zeros((3, 3), int), 0, "abc")
        is None
    )


def test_of_guesses_few_pass():
    rng, passed = np.random.default_rng(0), [0, 0]
    for _ in range(1000):
        truth = (rng.random(200) < 0.3).astype(int)
        guess = rng.integers(0, 2, 200)
        confusion = np.zeros((2, 2), np.int64)
        np.add.at(confusion, (truth, guess), 1)
        passed[0] += more_accurate(confusion, 0)
        passed[1] += more_balanced(confusion)
    assert passed[0] <= 60 and 20 <= passed[1] <= 80  # 5 % each
