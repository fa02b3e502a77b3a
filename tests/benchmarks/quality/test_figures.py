"""Figures, standard errors, verdicts and intervals are the textbook's."""

from math import sqrt

import pytest

from benchmarks.quality.answers import Answers
from benchmarks.quality.figures import (
    Figures,
    balanced_verdict,
    coverage_interval,
    score,
    verdict,
)


def test_accuracy_counts_samples_and_balanced_accuracy_counts_labels() -> None:
    truth = ["a"] * 8 + ["b"] * 2
    found = score(Answers(["a"] * 9 + ["b"], 60, 90, 1.5), truth)
    assert (found.test, found.accuracy, found.balanced) == (10, 0.9, 0.75)
    assert found.error == pytest.approx(sqrt(0.9 * 0.1 / 10), abs=1e-6)
    assert found.balanced_error == pytest.approx(sqrt(0.5 * 0.5 / 2) / 2, abs=1e-6)
    assert (found.seconds, found.cpu_seconds, found.megabytes) == (60, 90, 1.5)


def test_a_sample_without_an_answer_counts_as_wrong() -> None:
    assert score(Answers(["a", ""], 0, 0, 0), ["a", "a"]).accuracy == 0.5


def test_answers_and_samples_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError):
        score(Answers(["a"], 0, 0, 0), ["a", "b"])


def test_coverage_is_the_share_of_sets_that_hold_the_label() -> None:
    sets = [["a"], ["b", "a"], [], ["b"]]
    found = score(Answers(["a", "b", "a", "b"], 0, 0, 0, sets=sets, promised=0.95), list("aaab"))
    assert (found.covered, found.set_size, found.promised) == (3, 1.0, 0.95)


@pytest.mark.parametrize(
    ("ours", "said"), [(0.85, "ahead"), (0.83, "equal"), (0.77, "equal"), (0.75, "behind")]
)
def test_equal_means_within_one_standard_error(ours: float, said: str) -> None:
    other = Figures(test=100, accuracy=0.8, balanced=0.8, balanced_error=0.04)  # ± .04
    found = Figures(test=100, accuracy=ours, balanced=ours, balanced_error=0.01)
    assert verdict(found, other) == said
    assert balanced_verdict(found, other) == said


def test_the_interval_of_a_coverage_is_clopper_and_pearsons() -> None:
    found = coverage_interval(Figures(test=20, covered=20, promised=0.95))
    assert found is not None
    assert found[0] == pytest.approx(0.025 ** (1 / 20))
    assert found[1] == 1
    assert coverage_interval(Figures(test=20)) is None
