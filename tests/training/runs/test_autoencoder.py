"""A run without labels, its real code path, on tiny data in its authors' layout."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.bundle import read_bundle
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.tasks.reconstruct import GoldenReconstruction
from tests.training.conftest import left_behind
from tests.training.samples import Toy, gray_pictures, toy_recipe, write_mnist
from training.cli import main
from training.errors import TrainingError
from training.measuring.few_labels import WAYS
from training.outliers.drawn import HELD_OUT_KINDS, SELECTION_KINDS
from training.recipes import RECIPES, Recipe
from training.runs.autoencoder import study, train_autoencoder

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    recipe = RECIPES["digits-autoencoder"]
    assert isinstance(recipe, Recipe) and recipe.study is not None
    few = replace(recipe.study, labels=(2, 3), draws=2, steps=3)
    return replace(recipe, study=few, schedule=replace(recipe.schedule, epochs=3))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    write_mnist(folder, train=16, test=6)
    return folder


def test_a_few_steps_make_a_bundle_that_the_service_accepts(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    folder = train_autoencoder(recipe, data, tmp_path)
    bundle = read_bundle(folder, SHIPPED)
    assert (bundle.manifest.task, bundle.manifest.labels) == ("reconstruct", ())
    assert replay(bundle, Pipeline(bundle)) == []
    files = {case.file for case in bundle.golden}
    assert {"blank.png", "noise.png"} <= files
    assert all(isinstance(case, GoldenReconstruction) for case in bundle.golden)
    figures = {m.name for m in bundle.manifest.metrics}
    for kind in SELECTION_KINDS | HELD_OUT_KINDS:
        assert {f"AUROC of the {what}, {kind}" for what in ("novelty", "reconstruction error")} <= (
            figures
        )
    assert "share of in-distribution images classified as novel" in figures
    assert {f"accuracy, 2 labels per class, {way}" for way in WAYS} <= figures
    card = (folder / "README.md").read_text()
    assert "## Novelty" in card and "## Few labels" in card and "![Learning curve]" in card
    assert "temperature" not in card and "## Reliability" not in card


def test_a_rank_that_does_not_lead_publishes_nothing(
    recipe: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.runs.autoencoder.leads", lambda: False)
    assert train_autoencoder(recipe, data, tmp_path) is None
    assert left_behind(tmp_path) == []


def test_the_command_prints_the_study(
    recipe: Recipe, data: Path, capsys, monkeypatch, somewhere: Path
) -> None:
    monkeypatch.setitem(RECIPES, recipe.name, recipe)
    assert main(["few-labels", recipe.name, "--epochs", "1", "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "| | 2 labels per class | 3 labels per class |" in out
    assert all(f"| {way} |" in out for way in WAYS)


def test_a_recipe_that_learns_from_labels_is_not_studied() -> None:
    with pytest.raises(TrainingError, match="learns from labels"):
        study(toy_recipe(gray_pictures(), network=Toy), None, "validation")
