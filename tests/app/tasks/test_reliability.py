import numpy as np
import pytest

from app.bundle import Conformal
from app.errors import GoldenMismatch
from app.tasks.reliability import prediction_set, reliability
from tests import fakes

SURE, TORN, LOST = (
    np.asarray(scores, np.float32) for scores in ([0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.3, 0.2, 0.5])
)


def manifest(threshold: float = 0.6):
    return fakes.doubting_bundle(threshold=threshold).manifest


def outputs(novelty: float) -> dict[str, np.ndarray]:
    return {"novelty": np.asarray(novelty, np.float32)}


def test_the_set_is_every_label_that_reaches_the_threshold_best_first() -> None:
    labels = ("a", "b", "c")
    for threshold, expected in ((0.3, ("c", "a", "b")), (0.35, ("c",)), (0.5, ())):
        rule = Conformal(coverage=0.9, threshold=float(np.float32(threshold)), samples=30)
        assert prediction_set(TORN, labels, rule) == expected


def test_one_credible_label_of_something_familiar_is_an_answer() -> None:
    assert reliability(manifest(), SURE, outputs(0.25)) == (("green",), 0.25, False)


@pytest.mark.parametrize(
    ("threshold", "scores", "novelty"),
    [(0.6, SURE, 0.5), (0.6, SURE, 1.0), (0.6, LOST, 0.0), (0.1, LOST, 0.0)],
)
def test_what_is_unlike_or_undecided_is_abstained(threshold, scores, novelty) -> None:
    assert reliability(manifest(threshold), scores, outputs(novelty)).abstained


def test_either_can_be_said_alone() -> None:
    both = manifest()
    only_set = both.model_copy(update={"novelty": None})
    assert reliability(only_set, SURE, {}) == (("green",), None, False)
    only_novelty = both.model_copy(update={"conformal": None})
    assert reliability(only_novelty, LOST, outputs(0.75)) == (None, 0.75, True)


def test_without_thresholds_nothing_is_said() -> None:
    assert reliability(fakes.image_bundle().manifest, SURE, {}) == (None, None, None)


@pytest.mark.parametrize("novelty", [np.nan, -0.1, 1.1])
def test_a_novelty_that_is_none_is_refused(novelty: float) -> None:
    with pytest.raises(GoldenMismatch, match="novelty"):
        reliability(manifest(), SURE, outputs(novelty))
