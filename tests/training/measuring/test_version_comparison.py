"""When a new version is worse: the sums are exact, and the answers are the pipeline's."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from app.errors import ResourceExhausted
from app.modalities import Payload
from app.pipeline import Pipeline
from tests.fakes import COLOURS, calibrated_bundle, faulty_bundle, image_bundle, plain
from training.data.dataset import Sample
from training.measuring.version_comparison import (
    compare_answers,
    draw_samples,
    right_answers,
)

PIXELS = {"red": (250, 10, 20), "green": (20, 240, 10), "blue": (5, 10, 240)}


def coloured(count: int) -> list[Sample]:
    """Pictures of one colour each; the first 21 differ."""
    return [
        Sample(f"{i}.png", Payload(plain(tuple(np.add(PIXELS[label], i % 7))), "image/png"), label)
        for i, label in enumerate(COLOURS * count)
    ]


def test_balanced_accuracy_is_the_mean_recall():
    labels = ["a"] * 8 + ["b"] * 2
    found = compare_answers(labels, [True] * 10, [True] * 8 + [True, False])
    assert (found.before, found.after, found.samples) == (1, 0.75, 10)
    assert (found.gained, found.lost) == (0, 1)
    assert found.difference == -0.25


def test_the_standard_error_is_that_of_paired_differences_by_label():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], [40, 25, 60])
    before, after = rng.random(125) < 0.8, rng.random(125) < 0.7
    found = compare_answers(labels.tolist(), before.tolist(), after.tolist())
    changes = after.astype(int) - before.astype(int)
    parts = [changes[labels == label] for label in "abc"]
    assert found.difference == pytest.approx(np.mean([part.mean() for part in parts]))
    variance = sum(part.var(ddof=1) / len(part) for part in parts) / 9
    assert found.standard_error == pytest.approx(sqrt(variance))


def test_the_standard_error_agrees_with_the_bootstrap():
    rng = np.random.default_rng(1)
    before, after = rng.random((2, 2, 200)) < [[[0.9], [0.8]], [[0.8], [0.75]]]
    found = compare_answers(["a"] * 200 + ["b"] * 200, before.ravel(), after.ravel())
    changes = after.astype(int) - before.astype(int)
    drawn = [
        np.mean([part[rng.integers(0, 200, 200)].mean() for part in changes]) for _ in range(4000)
    ]
    assert found.standard_error == pytest.approx(np.std(drawn), rel=0.05)


@pytest.mark.parametrize("count", [5, 7, 49, 1000])
def test_one_answer_is_no_difference_and_two_of_a_label_are(count: int):
    labels, right = ["a"] * count + ["b"] * count, [True] * 2 * count
    one, two = [False, *right[1:]], [False, False, *right[2:]]
    assert compare_answers(labels, right, one).difference == -1 / (2 * count)
    assert not compare_answers(labels, right, one).is_worse  # exactly one standard error
    assert compare_answers(labels, right, two).is_worse


def test_as_many_gained_as_lost_is_no_difference():
    labels = ["a"] * 20
    before, after = [True] * 10 + [False] * 10, [False] * 10 + [True] * 10
    found = compare_answers(labels, before, after)
    assert (found.difference, found.gained, found.lost, found.is_worse) == (0, 10, 10, False)


def test_a_label_that_is_lost_altogether_is_a_loss_without_an_error():
    labels = ["a"] * 6 + ["b"] * 6
    found = compare_answers(labels, [True] * 12, [True] * 6 + [False] * 6)
    assert (found.standard_error, found.is_worse) == (0, True)


def test_better_is_not_worse():
    assert not compare_answers(["a", "b"] * 9, [False] * 18, [True] * 18).is_worse


def test_a_guess_is_one_even_where_the_old_version_is_no_better():
    labels, guessed = ["a", "b"] * 20, [True, True, False, False] * 10
    found = compare_answers(labels, guessed, guessed[::-1])
    assert (found.is_worse, found.is_a_guess) == (False, True)
    one_label = [label == "a" for label in labels]
    assert compare_answers(labels, one_label, one_label).is_a_guess
    assert not compare_answers(labels, guessed, [True] * 30 + [False] * 10).is_a_guess


def test_a_label_with_one_sample_takes_the_variance_of_all():
    labels = [f"label {i}" for i in range(20)]
    right = [True] * 20
    assert not compare_answers(labels, right, [False, *right[1:]]).is_worse
    assert compare_answers(labels, right, [False] * 4 + right[4:]).is_worse


def test_the_answers_are_those_of_the_pipeline():
    samples = coloured(25)  # more than a batch
    samples[3] = replace(samples[3], label="green")
    right = right_answers(Pipeline(image_bundle()), samples)
    assert [i for i, each in enumerate(right) if not each] == [3]


def test_an_answer_that_is_abstained_counts_as_its_top_label():
    pipeline = Pipeline(calibrated_bundle(threshold=1.0))  # no label is in any set
    sample = Sample("red.png", Payload(plain(PIXELS["red"]), "image/png"), "red")
    assert pipeline.predict([sample.payload])[0].abstained
    assert right_answers(pipeline, [sample]) == [True]


def test_what_a_version_cannot_read_or_answer_is_wrong():
    good, black = plain(PIXELS["blue"]), plain((0, 0, 0))  # of black the graph makes NaN
    samples = [
        Sample("picture.png", Payload(data, "image/png"), "blue")
        for data in (good, black, b"no picture")
    ]
    assert right_answers(Pipeline(faulty_bundle()), samples) == [True, False, False]


def test_a_machine_without_memory_says_nothing_about_a_version():
    pipeline = Pipeline(image_bundle())
    pipeline.encoder = Exhausted()
    with pytest.raises(ResourceExhausted):
        right_answers(pipeline, coloured(1))


class Exhausted:
    def encode(self, payload: Payload) -> None:
        raise MemoryError


def test_samples_are_drawn_evenly_and_always_the_same():
    samples = coloured(7)
    drawn = draw_samples(samples, most=12)
    assert [sample.label for sample in drawn] == sorted(COLOURS * 4)
    assert draw_samples(samples[::-1], most=12) == drawn
    assert set(draw_samples(samples)) == set(samples)
    assert len(draw_samples(samples, most=1)) == len(COLOURS)  # one of each, in any case
