"""A run from files to a bundle, with a network of one layer."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from app.bundle import Bundle, read_bundle
from app.errors import GoldenMismatch
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.conftest import left_behind
from tests.training.samples import (
    Seeing,
    Toy,
    dataset,
    gray_pictures,
    png,
    sample,
    toy_recipe,
)
from training.data.dataset import Dataset, Sample
from training.data.split import Shares
from training.errors import BadData, Diverged, TrainingError
from training.fitting.fit import Schedule
from training.recipes.recipe import GOLDEN
from training.runs.classifier import train_classifier
from training.runs.prepare import prepare
from training.runs.publish import golden_from_files

pytestmark = pytest.mark.slow

PICTURES = gray_pictures()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to which the same recipe was published twice."""
    folder = tmp_path_factory.mktemp("models")
    for _ in range(2):
        train_classifier(toy_recipe(PICTURES), None, folder)
    return folder


def test_version_numbers_grow(models: Path):
    assert sorted(path.name for path in (models / "toy").iterdir()) == ["1", "2"]


def test_the_same_run_twice_gives_the_same_bytes(models: Path):
    first, second = models / "toy" / "1", models / "toy" / "2"
    assert (first / "confusion.png").exists()
    for name in ("model.onnx", "golden/cases.json", "confusion.png", "learning-curve.png"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_bundle_answers_as_published(models: Path):
    bundle = read_bundle(models / "toy" / "1", SHIPPED)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    figures = {m.name: m.value for m in bundle.manifest.metrics}
    assert figures["accuracy"] == 1.0
    assert bundle.manifest.provenance.splits["unreadable"] == 0
    assert bundle.manifest.provenance.data_sha256 == PICTURES.sha256
    answers = pipeline.predict([s.payload for s in PICTURES.samples])
    assert [a.label for a in answers] == [s.label for s in PICTURES.samples]


def test_the_cards_pictures_exist(models: Path):
    folder = models / "toy" / "1"
    linked = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (folder / "README.md").read_text())
    drawn = ["confusion.png", "examples.jpg", "learning-curve.png", "reliability.png"]
    assert sorted(linked) == drawn
    assert all((folder / name).is_file() for name in linked)


def striped(find: object) -> dict[str, Callable[[], list[Sample]]]:
    stripes = np.broadcast_to(np.asarray([0, 255, 0, 255], np.uint8), (4, 4))
    return {"stripes": lambda: [Sample("s.png", Payload(png(stripes), "image/png"), "")] * 3}


@pytest.fixture(scope="module")
def doubting(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with enough data for label sets and novelty."""
    recipe = toy_recipe(
        gray_pictures(200), network=Seeing, shares=Shares(validation=40), outliers=striped
    )
    return read_bundle(train_classifier(recipe, None, tmp_path_factory.mktemp("doubting")), SHIPPED)


def test_with_enough_data_the_answers_say_how_far_to_trust_them(doubting: Bundle):
    manifest, pipeline = doubting.manifest, Pipeline(doubting)
    figures = {(m.name, m.split): m.value for m in manifest.metrics}
    assert manifest.conformal.samples == manifest.novelty.samples > 80
    assert figures["coverage of the 95 % label set", "test"] > 0.8
    assert figures["AUROC of the novelty", "test against stripes"] == 1.0
    assert figures["share of answers abstained", "stripes"] == 1.0
    unlike = pipeline.predict([s.payload for s in striped(None)["stripes"]()])
    known = pipeline.predict([s.payload for s in PICTURES.samples])
    assert all(answer.abstained and answer.novelty > 0.5 for answer in unlike)
    assert sum(answer.abstained for answer in known) < len(known) / 4
    assert replay(doubting, pipeline) == []
    assert all(case.novelty is not None for case in doubting.golden)


def test_the_card_names_the_methods_of_sets_and_novelty(doubting: Bundle):
    card = doubting.files["README.md"].decode()
    assert "| prediction set | 95 %, split conformal (LAC): every label with a probability" in card
    assert "| novelty | relative-mahalanobis" in card


def test_no_novelty_score_without_the_outliers_to_fit_it_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = toy_recipe(
        gray_pictures(80),
        network=Seeing,
        shares=Shares(40),
        outliers=striped,
        train_outliers=("dots",),
    )
    manifest = read_bundle(train_classifier(recipe, None, tmp_path), SHIPPED).manifest
    assert manifest.conformal is not None and manifest.novelty is None
    assert "without dots to fit it to, there is no novelty score" in capsys.readouterr().err


def test_too_few_samples_give_neither_label_sets_nor_novelty(models: Path):
    manifest = read_bundle(models / "toy" / "1", SHIPPED).manifest
    assert manifest.conformal is None and manifest.novelty is None


def test_unreadable_files_are_counted_and_named(capsys: pytest.CaptureFixture[str]):
    bad = [
        Sample(f"dark/bad{i}.png", Payload(f"no picture {i}".encode(), "image/png"), "dark")
        for i in range(30)
    ]
    data = replace(PICTURES, samples=[*PICTURES.samples, *bad], unreadable=["notes.xlsx (odd)"])
    prepared = prepare(toy_recipe(data), None)
    assert len(prepared.dataset.unreadable) == 31
    readable = len(prepared.train) + len(prepared.validation) + len(prepared.test)
    assert readable == len(PICTURES.samples)
    said = capsys.readouterr().err
    assert "31 file(s) or row(s) cannot be used" in said and "notes.xlsx (odd)" in said
    assert "dark/bad" in said and "… and 11 more" in said


def broken(label: str) -> Dataset:
    samples = [
        replace(s, payload=Payload(s.name.encode(), "image/png")) if s.label == label else s
        for s in PICTURES.samples
    ]
    return replace(PICTURES, samples=samples)


def test_a_label_without_a_readable_sample_is_named():
    with pytest.raises(BadData, match="no readable training sample of 'dark'"):
        prepare(toy_recipe(broken("dark")), None)


def test_nothing_readable_at_all():
    with pytest.raises(BadData, match="too few readable samples"):
        prepare(toy_recipe(dataset(sample(f"{i}", "ab"[i % 2]) for i in range(20))), None)


def test_many_warnings_are_summed_up(capsys: pytest.CaptureFixture[str]):
    samples = [replace(s, label=f"{s.label} {i % 30 // 3}") for i, s in enumerate(PICTURES.samples)]
    prepare(
        toy_recipe(replace(PICTURES, samples=[*samples, *gray_pictures(9, seed=4).samples])), None
    )
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 21 and warnings[-1].endswith("more")


class Hopeless(Toy):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) * float("inf")


def test_a_diverged_training_publishes_nothing(tmp_path: Path):
    with pytest.raises(Diverged, match="nothing is published"):
        train_classifier(toy_recipe(PICTURES, network=Hopeless), None, tmp_path / "models")
    assert left_behind(tmp_path) == []


def test_where_nothing_can_be_published_nothing_is_trained(tmp_path: Path):
    (tmp_path / "models").touch()

    def load(_: Path | None) -> Dataset:
        raise AssertionError("loaded")

    with pytest.raises(TrainingError, match="not a folder that can be written to"):
        train_classifier(toy_recipe(PICTURES, load=load), None, tmp_path / "models")


@pytest.mark.training
def test_golden_files_that_are_answered_wrongly_publish_nothing(tmp_path: Path):
    photos = toy_recipe(
        PICTURES,
        golden="imagenet",
        schedule=Schedule(epochs=1),
        prepare=lambda _: (ImageSpec(height=4, width=4, channels=1, fit="stretch"), {}),
    )
    first = golden_from_files(GOLDEN / "imagenet")[0]
    with pytest.raises(GoldenMismatch, match=f"golden/{first.file} is '{first.expected}'"):
        train_classifier(photos, None, tmp_path)
    assert left_behind(tmp_path) == []
