"""Another temperature in a graph: the probabilities are what the old ones imply, labels stay."""

from pathlib import Path

import numpy as np
import pytest

from app.bundle import Bundle, read_bundle
from app.modalities import encoder_for
from app.pipeline.replay import golden_payload
from app.registry import SHIPPED
from app.runtime.session import Session
from tests.training.conftest import REPOSITORY
from training.errors import TrainingError
from training.exporting.graph import feeds_for
from training.exporting.precision import convert
from training.exporting.temperature_scaling import scale_temperature
from training.measuring.calibration import softmax

MODELS = REPOSITORY / "models"


def shipped(name: str) -> Bundle:
    return read_bundle(MODELS / name / "1", SHIPPED)


def asked(bundle: Bundle) -> dict[str, np.ndarray]:
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items = [encoder.encode(golden_payload(bundle, case)).arrays for case in bundle.golden]
    return dict(feeds_for(bundle.manifest, items))


def warmer(probabilities: np.ndarray, factor: float) -> np.ndarray:
    return softmax(np.log(np.maximum(probabilities, 1e-38)), factor)


@pytest.mark.parametrize("name", ["digits", "spam", "listops", "imagenet", "spoken-digits"])
def test_scaled_temperature_changes_the_probabilities(name: str):
    bundle = shipped(name)
    inputs, graph = asked(bundle), scale_temperature(bundle.model, "probabilities", 2.5)
    before, after = Session(bundle.model).run(inputs), Session(graph).run(inputs)
    tempered_outputs = {"probabilities", "nodes"} & set(before)
    for output in tempered_outputs:
        np.testing.assert_allclose(after[output], warmer(before[output], 2.5), atol=1e-5)
    for output in set(before) - tempered_outputs:
        np.testing.assert_array_equal(after[output], before[output])


def test_temperature_scaling_can_be_repeated_and_undone():
    bundle = shipped("digits")
    once = scale_temperature(bundle.model, "probabilities", 2.0)
    back = scale_temperature(once, "probabilities", 0.5)
    inputs = asked(bundle)
    before, after = (Session(graph).run(inputs)["probabilities"] for graph in (bundle.model, back))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_temperature_scaling_of_a_float16_graph(tmp_path: Path):
    bundle = shipped("digits")
    half = convert(bundle.model, "fp16", [])
    inputs, graph = asked(bundle), scale_temperature(half, "probabilities", 2.0)
    before, after = (Session(model).run(inputs)["probabilities"] for model in (half, graph))
    np.testing.assert_allclose(after, warmer(before, 2.0), atol=5e-3)


def test_temperature_scaling_refuses_an_output_without_softmax():
    with pytest.raises(TrainingError, match="'novelty' is no softmax"):
        scale_temperature(shipped("digits").model, "novelty", 2.0)
