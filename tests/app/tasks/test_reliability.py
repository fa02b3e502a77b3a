import numpy as np
import pytest

from app.bundle import Conformal
from app.errors import ModelOutputInvalid
from app.tasks.reliability import prediction_set, reliability
from tests import fakes

SURE, TORN, LOST = (
    np.asarray(scores, np.float32) for scores in ([0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.3, 0.2, 0.5])
)


def manifest(threshold: float = 0.6):
    return fakes.calibrated_bundle(threshold=threshold).manifest


def outputs(novelty: float) -> dict[str, np.ndarray]:
    return {"novelty": np.asarray(novelty, np.float32)}


def test_prediction_set_holds_labels_above_the_threshold_best_first() -> None:
    labels = ("a", "b", "c")
    for threshold, expected in ((0.3, ("c", "a", "b")), (0.35, ("c",)), (0.5, ())):
        rule = Conformal(coverage=0.9, threshold=float(np.float32(threshold)), samples=30)
        assert prediction_set(TORN, labels, rule) == expected


def test_single_label_set_with_low_novelty_is_not_abstained() -> None:
    assert reliability(manifest(), SURE, outputs(0.25)) == (("green",), 0.25, False)


@pytest.mark.parametrize(
    ("threshold", "scores", "novelty"),
    [(0.6, SURE, 0.5), (0.6, SURE, 1.0), (0.6, LOST, 0.0), (0.1, LOST, 0.0)],
)
def test_novel_or_undecided_items_are_abstained(threshold, scores, novelty) -> None:
    assert reliability(manifest(threshold), scores, outputs(novelty)).abstained


def test_prediction_set_and_novelty_work_without_each_other() -> None:
    both = manifest()
    only_set = both.model_copy(update={"novelty": None})
    assert reliability(only_set, SURE, {}) == (("green",), None, False)
    only_novelty = both.model_copy(update={"conformal": None})
    assert reliability(only_novelty, LOST, outputs(0.75)) == (None, 0.75, True)


def test_reliability_without_thresholds_is_empty() -> None:
    assert reliability(fakes.image_bundle().manifest, SURE, {}) == (None, None, None)


@pytest.mark.parametrize("novelty", [np.nan, -0.1, 1.1])
def test_novelty_outside_0_to_1_is_refused(novelty: float) -> None:
    with pytest.raises(ModelOutputInvalid, match="novelty"):
        reliability(manifest(), SURE, outputs(novelty))
