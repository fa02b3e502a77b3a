import numpy as np
import pytest

from app.bundle import AnswerThreshold, Conformal, Manifest
from app.errors import ModelOutputInvalid
from app.registry import SHIPPED
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
    assert reliability(manifest(), SURE, outputs(0.25)) == (("green",), 0.25, False, None)


@pytest.mark.parametrize(
    ("threshold", "scores", "novelty"),
    [(0.6, SURE, 0.5), (0.6, SURE, 1.0), (0.6, LOST, 0.0), (0.1, LOST, 0.0)],
)
def test_novel_or_undecided_items_are_abstained(threshold, scores, novelty) -> None:
    assert reliability(manifest(threshold), scores, outputs(novelty)).abstained


def test_prediction_set_and_novelty_work_without_each_other() -> None:
    both = manifest()
    only_set = both.model_copy(update={"novelty": None})
    assert reliability(only_set, SURE, {}) == (("green",), None, False, None)
    only_novelty = both.model_copy(update={"conformal": None})
    assert reliability(only_novelty, LOST, outputs(0.75)) == (None, 0.75, True, None)


def test_reliability_without_thresholds_is_empty() -> None:
    assert reliability(fakes.image_bundle().manifest, SURE, {}) == (None, None, None, None)


def confident(threshold: float, **changes: object):
    rule = AnswerThreshold(precision=0.9, level=0.9, threshold=threshold, samples=99, answered=0.5)
    return manifest().model_copy(update={"confidence": rule, **changes})


@pytest.mark.parametrize(
    ("threshold", "scores", "novelty", "because"),
    [
        (0.7, SURE, 0.0, ()),
        (float(np.float32(0.8)), SURE, 0.0, ()),  # a threshold that is reached
        (0.85, SURE, 0.0, ("confidence",)),
        (0.85, SURE, 0.7, ("confidence", "novelty")),
        (0.4, LOST, 0.0, ("prediction_set",)),
        (0.6, LOST, 0.9, ("confidence", "prediction_set", "novelty")),
    ],
)
def test_below_the_threshold_of_confidence_it_abstains_and_says_why(
    threshold, scores, novelty, because
) -> None:
    found = reliability(confident(threshold), scores, outputs(novelty))
    assert (found.abstained, found.abstained_because) == (bool(because), because)


def test_confidence_works_alone() -> None:
    alone = confident(0.7, conformal=None, novelty=None)
    assert reliability(alone, SURE, {}) == (None, None, False, ())
    assert reliability(alone, TORN, {}) == (None, None, True, ("confidence",))


def test_a_manifest_without_confidence_does_not_name_it() -> None:
    assert b"confidence" not in manifest().model_dump_json().encode()
    again = Manifest.model_validate_json(confident(0.7).model_dump_json(), context=SHIPPED)
    assert again.confidence == confident(0.7).confidence


@pytest.mark.parametrize("novelty", [np.nan, -0.1, 1.1])
def test_novelty_outside_0_to_1_is_refused(novelty: float) -> None:
    with pytest.raises(ModelOutputInvalid, match="novelty"):
        reliability(manifest(), SURE, outputs(novelty))
