import json

import pytest
from pydantic import ValidationError

from app.bundle import Manifest
from app.bundle.tensors import TensorSpec
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.registry import SHIPPED
from tests import fakes


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return fakes.image_bundle().manifest


def test_manifest_round_trips_through_json(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.model_dump_json(), context=SHIPPED) == manifest


def test_a_manifest_cannot_be_changed(manifest: Manifest) -> None:
    with pytest.raises(ValidationError):
        manifest.name = "other"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surprise", 1),
        ("schema_version", 3),
        ("name", "../up"),
        ("name", "Capital"),
        ("version", 0),
        ("version", 10**18),
        ("task", "guess"),
        ("task", "reconstruct"),
        ("labels", ["only"]),
        ("labels", []),
        ("labels", ["same", "same", "other"]),
        ("conformal", {"coverage": 1.0, "threshold": 0.5, "samples": 100}),
        ("conformal", {"coverage": 0.95, "threshold": 1.5, "samples": 100}),
        ("conformal", {"method": "guess", "coverage": 0.95, "threshold": 0.5, "samples": 100}),
        ("novelty", {"method": "outlier-exposure", "kept": 0.99, "samples": 100}),  # no output
        ("temperature", 0),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("tolerance", float("nan")),
        ("inputs", []),
        ("outputs", []),
        ("encoder", {"kind": "smell"}),
    ],
)
def test_manifest_refuses_invalid_values(manifest: Manifest, field: str, value: object) -> None:
    document = json.dumps(manifest.model_dump() | {field: value})
    with pytest.raises(ValidationError):
        Manifest.model_validate_json(document, context=SHIPPED)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("labels", ["cat", "dog"], "only a classifier has labels"),
        ("outputs", fakes.autoencoder_bundle().manifest.outputs[1:], "gives reconstruction too"),
        ("task", "classify", "two labels or more"),
    ],
)
def test_manifest_must_satisfy_its_task(field: str, value: object, message: str) -> None:
    document = fakes.autoencoder_bundle().manifest.model_dump() | {field: value}
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(document, context=SHIPPED)


def test_unknown_fields_are_refused_at_any_depth(manifest: Manifest) -> None:
    document = manifest.model_dump()
    document["encoder"]["surprise"] = 1
    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(document, context=SHIPPED)


def test_the_first_axis_is_the_batch() -> None:
    with pytest.raises(ValidationError, match="must be 'batch'"):
        TensorSpec(name="image", dtype="uint8", shape=("time", 3))


def test_inputs_must_match_the_encoder(manifest: Manifest) -> None:
    document = manifest.model_dump()
    document["inputs"] = document["inputs"] * 2
    with pytest.raises(ValidationError, match="a graph for image takes"):
        Manifest.model_validate(document, context=SHIPPED)


def test_text_spec_with_too_long_a_tail_is_refused() -> None:
    with pytest.raises(ValidationError, match="tail_tokens"):
        TextSpec(max_tokens=4, tail_tokens=5)


@pytest.mark.parametrize(
    ("encoder", "shapes"),
    [
        (ImageSpec(height=4, width=6), {"image": ("batch", 4, 6, 3)}),
        (ImageSpec(height=4, width=6, layout="NCHW"), {"image": ("batch", 3, 4, 6)}),
        (ImageSpec(height=4, width=6, channels=1), {"image": ("batch", 4, 6, 1)}),
        (AudioSpec(rate=8000, samples=800), {"pcm": ("batch", 800)}),
        (TextSpec(max_tokens=9), {"tokens": ("batch", "time"), "length": ("batch",)}),
    ],
)
def test_spec_describes_the_tensors_of_its_encoder(encoder, shapes) -> None:
    assert {spec.name: spec.shape for spec in encoder.tensors()} == shapes
