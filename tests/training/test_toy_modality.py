"""A modality that the trainer does not have, from one file: a series of numbers.

A folder of labelled JSON files becomes a bundle that is trained, explained, replayed, measured and
started from. Nothing in `training` knows the modality.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from app.bundle import Bundle, read_bundle
from app.bundle.tensors import Arrays
from app.modalities import Payload
from app.pipeline import Pipeline, replay
from tests.app.test_toy_modality import SERIES, SERIES_TYPE, SeriesSpec
from training.errors import BadData
from training.exporting.card.inputs import InputCard
from training.modalities import (
    TRAINING_MODALITIES,
    DefaultRecipe,
    TrainingModality,
    registry_of,
)
from training.networks.heads.model_output import ModelOutput
from training.recipes.auto import auto_recipe
from training.runs.measure import measure
from training.runs.registry import inspect, run
from training.transfer import apply_start

pytestmark = pytest.mark.slow
POINTS = 6


class Trend(nn.Module):
    """A linear layer over the series; what a number adds to a label is its attribution."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.head = nn.Linear(POINTS, labels)

    def forward(self, series: Tensor) -> Tensor:
        return self.read(series).logits

    def read(self, series: Tensor) -> ModelOutput:
        return ModelOutput(
            self.head(series), series, lambda labels: self.head.weight[labels] * series
        )


def jitter(series: Tensor, generator: Generator) -> Tensor:
    """Move every number a little."""
    return series + 0.05 * torch.randn(series.shape, generator=generator)


def erase(item: Arrays, points: np.ndarray) -> Arrays:
    """Set the numbers at `points` to 0."""
    return {"series": np.where(points, np.float32(0), item["series"])}


TRAINING_SERIES = TrainingModality(
    served=SERIES,
    noun="series",
    plural="series of numbers",
    media_types={".json": SERIES_TYPE},
    recipe=DefaultRecipe(lambda _: (SeriesSpec(points=POINTS), {}), Trend, jitter),
    augment=lambda _: jitter,
    default_source="trend",
    saliency_axes=("point",),
    remover=lambda _spec, _bands: erase,
    card=InputCard(reads=lambda spec: f"a series of {spec.points} numbers"),
)
MODALITIES = {**TRAINING_MODALITIES, "series": TRAINING_SERIES}
REGISTRY = registry_of(MODALITIES)


def write(root: Path, each: int, seed: int) -> Path:
    """Rising and falling series of a few numbers, a folder for each label."""
    rng = np.random.default_rng(seed)
    for label, slope in (("rising", 1.0), ("falling", -1.0)):
        (root / label).mkdir(parents=True)
        for i in range(each):
            numbers = slope * np.linspace(-1, 1, POINTS) + rng.normal(0, 0.2, POINTS)
            (root / label / f"{i}.json").write_text(json.dumps(numbers.round(3).tolist()))
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "trend", 40, seed=0)


@pytest.fixture(scope="module")
def models(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert run(auto_recipe(data, None, MODALITIES), data, folder, MODALITIES) == (
        folder / "trend" / "1"
    )
    return folder


@pytest.fixture(scope="module")
def bundle(models: Path) -> Bundle:
    return read_bundle(models / "trend" / "1", REGISTRY)


def figures(bundle: Bundle) -> dict[str, float]:
    return {figure.name: figure.value for figure in bundle.manifest.metrics}


def test_the_bundle_is_replayed_and_answers(bundle: Bundle) -> None:
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    assert {case.file.split(".")[-1] for case in bundle.golden} == {"json"}
    payloads = [Payload(data, SERIES_TYPE) for data in (b"[-1, 0, 1, 2, 3, 4]", b"[1, 0, -1, -2]")]
    assert [answer.label for answer in pipeline.predict(payloads)] == ["rising", "falling"]


def test_the_explanation_passed_the_deletion_test(bundle: Bundle) -> None:
    specs = {spec.name: spec.shape for spec in bundle.manifest.outputs}
    assert specs["saliency"] == ("batch", "point")
    lost = figures(bundle)
    salient = lost["probability lost without the most salient fifth"]
    assert salient > lost["probability lost without a random fifth"]


def test_the_card_says_what_is_read(bundle: Bundle) -> None:
    assert "**Input:** a series of 6 numbers." in bundle.files["README.md"].decode()


def test_fresh_files_are_measured(bundle: Bundle, tmp_path: Path) -> None:
    measured = measure(bundle, write(tmp_path / "fresh", 10, seed=7), MODALITIES)
    accuracy = next(figure for figure in measured.figures if figure.name == "accuracy")
    assert (accuracy.value, accuracy.samples) == (1.0, 20)


def test_a_training_starts_from_the_default_bundle_of_the_modality(
    bundle: Bundle, data: Path, models: Path
) -> None:
    recipe = auto_recipe(data, "again", MODALITIES)
    started = apply_start(recipe, data, "features", None, models, MODALITIES)
    assert started.lineage.source == "trend/1"
    assert started.augment is jitter
    folder = run(started, data, models, MODALITIES)
    assert figures(read_bundle(folder, REGISTRY))["accuracy"] == 1.0


def test_it_is_inspected(data: Path) -> None:
    inspection = inspect(auto_recipe(data, None, MODALITIES), data, MODALITIES)
    assert inspection.encoder == SeriesSpec(points=POINTS)
    assert inspection.counts == {"rising": 40, "falling": 40}


def test_without_the_modality_the_files_are_unusable(data: Path) -> None:
    with pytest.raises(BadData, match="no image, sound or text found; not usable: falling/0"):
        auto_recipe(data, None)
