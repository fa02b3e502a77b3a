"""Rewriting a published card: nothing else changes, and no test split is opened."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from app.bundle import Bundle, publish, read_bundle
from app.bundle.publish import seal
from app.registry import SHIPPED
from tests import fakes
from tests.training.samples import gray_pictures, toy_recipe
from training.cli import main
from training.data.dataset import Dataset
from training.data.split import Shares, split, split_validation
from training.errors import TrainingError
from training.exporting.card.data import CardData, stored_data
from training.recipes import RECIPES
from training.runs.card import rewrite_card, validation_reliability
from training.runs.classifier import train_classifier

pytestmark = pytest.mark.slow

PICTURES = gray_pictures(60)
RECIPE = toy_recipe(PICTURES, shares=Shares(validation=40), limits=("Two labels.",))
OLD = b"# toy\n\nOld.\n\n## Measured\n\n| a |\n\n## Cost\n\n3 s.\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return read_bundle(train_classifier(RECIPE, None, tmp_path_factory.mktemp("trained")), SHIPPED)


@pytest.fixture
def toy(trained: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle of a shipped recipe, published before bins were stored."""
    monkeypatch.setitem(RECIPES, "toy", RECIPE)
    files = {n: c for n, c in trained.files.items() if n not in ("card.json", "reliability.png")}
    old = seal(trained.manifest, {**files, "README.md": OLD}, SHIPPED)
    return read_bundle(publish(old, tmp_path), SHIPPED)


def test_a_run_stores_bins_and_confusion_of_the_test_split(trained: Bundle):
    data, figures = stored_data(trained.files), {m.name: m for m in trained.manifest.metrics}
    assert data.reliability is not None and data.reliability.split == "test split"
    error = figures["expected calibration error"]
    assert data.reliability.samples == error.samples == np.sum(data.confusion)
    assert data.reliability.error == pytest.approx(error.value, abs=1e-5)
    assert data.limits == ("Two labels.",) and "Training" in data.sections


def test_only_the_card_changes(toy: Bundle, tmp_path: Path):
    after = read_bundle(rewrite_card(toy, tmp_path), SHIPPED)
    assert after.model == toy.model and after.golden == toy.golden
    assert after.manifest.metrics == toy.manifest.metrics
    card = after.files["README.md"].decode()
    assert "- Two labels." in card and "## Cost\n\n3 s." in card and "| a |" not in card
    again = read_bundle(rewrite_card(after, tmp_path), SHIPPED)
    assert again == after


def test_the_command_measures_the_samples_that_set_the_thresholds(
    toy: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["card", "toy", "--reliability", "--models", str(tmp_path)]) == 0
    assert f"rewrote {tmp_path / 'toy' / '1'}\n" in capsys.readouterr().out
    bins = stored_data(read_bundle(tmp_path / "toy" / "1", SHIPPED).files).reliability
    validation = split(PICTURES.samples, RECIPE.shares).validation
    assert bins is not None and bins.split.startswith("the validation samples that set")
    assert bins.samples == len(split_validation(validation)[1])
    assert "not the test split" in (tmp_path / "toy" / "1" / "README.md").read_text()


def test_bins_of_the_test_split_are_not_replaced(trained: Bundle, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(RECIPES, "toy", RECIPE)
    with pytest.raises(TrainingError, match="has a reliability diagram: test split"):
        validation_reliability(trained, None)


def test_other_data_are_refused(toy: Bundle, monkeypatch: pytest.MonkeyPatch):
    other: Dataset = replace(PICTURES, samples=PICTURES.samples[2:])
    monkeypatch.setitem(RECIPES, "toy", replace(RECIPE, load=lambda _: other))
    with pytest.raises(TrainingError, match="was trained on other data"):
        validation_reliability(toy, None)


def test_a_bundle_of_no_recipe_has_a_card_but_no_validation_split(tmp_path: Path):
    bundle = read_bundle(publish(fakes.image_bundle(), tmp_path), SHIPPED)
    with pytest.raises(TrainingError, match="not made by a shipped recipe"):
        validation_reliability(bundle, None)
    after = read_bundle(rewrite_card(bundle, tmp_path), SHIPPED)
    assert stored_data(after.files) == CardData()
    assert after.manifest.description == bundle.manifest.description


def test_a_bundle_that_answers_otherwise_here_is_left_alone(tmp_path: Path):
    bundle = fakes.image_bundle()
    cases = orjson.loads(bundle.files["golden/cases.json"])
    cases[0]["probabilities"]["red"] = 0.25
    files = {**bundle.files, "golden/cases.json": orjson.dumps(cases)}
    folder = publish(seal(bundle.manifest, files, SHIPPED), tmp_path)
    with pytest.raises(TrainingError, match="the card is left alone"):
        rewrite_card(read_bundle(folder, SHIPPED), tmp_path)
    assert not (folder / "README.md").exists()
