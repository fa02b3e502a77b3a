"""A bundle's next version in fewer bits: judged before it is published, described in its card."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from app.bundle import read_bundle
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.conftest import left_behind
from tests.training.data.reading.made import table
from tests.training.samples import gray_pictures, png, toy_recipe
from training.cli import main
from training.cli.lookup import newest
from training.data.reading.options import ReadingOptions
from training.data.split import Shares
from training.datasets.package_photos import cuts, from_folder, photos
from training.errors import BadData, MissingData, TrainingError
from training.fitting.fit import Schedule
from training.measuring import conversion_metrics as judging
from training.recipes import RECIPES
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Demands
from training.runs.classifier import train_classifier
from training.runs.convert import ConversionLimits, items_for, publish_converted

pytestmark = pytest.mark.slow

CPU = ConversionLimits(device="cpu")

PICTURES = gray_pictures(60)


class Convolutional(nn.Module):
    """Two small convolutions."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 2), nn.ReLU())
        self.head = nn.Linear(8, labels)

    def forward(self, image: Tensor) -> Tensor:
        pixels = image.permute(0, 3, 1, 2).to(torch.float32) / 255 - 0.5
        return self.head(self.layers(pixels).mean((2, 3)))


RECIPE = toy_recipe(
    PICTURES,
    network=Convolutional,
    schedule=Schedule(epochs=12, batch_size=8, learning_rate=0.02),
    shares=Shares(validation=35),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("trained")
    train_classifier(RECIPE, None, models)
    return models


def faster(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "speed_up", lambda *_: ratio)


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_the_next_version_says_what_it_gained_and_lost(
    precision: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(RECIPES, "toy", RECIPE)
    faster(1.5, monkeypatch)
    old = newest(trained, "toy", None)
    folder = publish_converted(
        old, precision, None, tmp_path, ConversionLimits(accuracy=1, device="cpu")
    )
    bundle = read_bundle(folder, SHIPPED)
    manifest = bundle.manifest
    assert (manifest.precision, manifest.provenance) == (precision, old.manifest.provenance)
    assert bundle.model != old.model
    sets, before = manifest.conformal, old.manifest.conformal
    assert sets is not None and before is not None
    assert sets.threshold == pytest.approx(before.threshold, abs=0.1)  # of its own answers
    assert (sets.samples, manifest.novelty) == (before.samples, None)
    assert 5e-3 <= manifest.tolerance <= 0.1
    assert replay(bundle, Pipeline(bundle)) == []
    figures = {m.name: m.value for m in manifest.metrics}
    assert figures["accuracy in float32"] == 1.0
    assert figures["predicted the same as by float32"] == 1.0
    assert figures["times as fast as float32, 1 item a run"] == 1.5
    assert 0 < figures["largest difference of a probability from float32"] < 0.2
    card = (folder / "README.md").read_text()
    assert f"`thalamus-train quantize toy --precision {precision}`" in card
    assert "![Confusion matrix](confusion.png)" in card
    with pytest.raises(TrainingError, match=f"is {precision} already"):
        publish_converted(bundle, "int8", None, tmp_path, CPU)


@pytest.mark.parametrize(
    ("limits", "ratio", "complaint"),
    [
        (CPU, 0.5, "0.50 times as fast as float32 here, so it does not pay; --force"),
        (
            ConversionLimits(accuracy=-1, device="cpu"),
            2.0,
            "of accuracy is lost, more than -100 %; nothing is published",
        ),
    ],
)
def test_a_slower_or_less_accurate_conversion_is_not_published(
    limits: ConversionLimits,
    ratio: float,
    complaint: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(RECIPES, "toy", RECIPE)
    faster(ratio, monkeypatch)
    with pytest.raises(TrainingError, match=complaint):
        publish_converted(newest(trained, "toy", 1), "int8", None, tmp_path, limits)
    assert left_behind(tmp_path) == []


def test_other_data_than_it_was_trained_on_are_refused(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(RECIPES, "toy", toy_recipe(gray_pictures(40, seed=9)))
    with pytest.raises(TrainingError, match="toy/1 was trained on other data"):
        publish_converted(newest(trained, "toy", 1), "int8", None, tmp_path, CPU)


def test_the_columns_of_ones_own_table_are_named_again(tmp_path: Path):
    rows = "".join(
        f"{'good' if i % 2 else 'bad'} words {i},{'ab'[i % 2]},{i % 3}\n" for i in range(90)
    )
    path = table(tmp_path / "t.csv", "text,kind,mood\n" + rows)
    options = ReadingOptions(label_column="kind")
    recipe = auto_recipe(path, "own", options=options)
    short = replace(
        recipe, schedule=replace(recipe.schedule, epochs=1), demands=Demands(forced=True)
    )
    bundle = read_bundle(train_classifier(short, path, tmp_path / "models"), SHIPPED)
    with pytest.raises(BadData, match="not clear which column is the label"):
        items_for(bundle, path)
    items = items_for(bundle, path, options)
    assert items.split == "test"
    assert len(items.calibration) > len(items.test) > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["chess", "--precision", "int8"], "holds no chess"),
        (["toy", "--precision", "int8", "--version", "7"], "holds no toy/7"),
        (["toy", "--precision", "int4"], "expected one of int8, fp16, got 'int4'"),
        (["toy"], "--precision"),
        (["toy", "--precision", "int8"], "name the data that toy was trained on with --data"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], complaint: str, trained: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["publish", *arguments, "--models", str(trained)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("thalamus-train: ") and complaint in said[0]


def test_photos_are_cut_into_pictures():
    for sources in photos():
        pictures = cuts(sources, each=2, seed=1)
        assert len(pictures) == 2 * len(sources)
        assert cuts(sources, each=2, seed=1) == pictures
        for picture in pictures:
            Image.open(io.BytesIO(picture.data)).verify()


def test_a_folder_of_pictures_is_read_whole(tmp_path: Path):
    with pytest.raises(MissingData, match="holds no files"):
        from_folder(tmp_path)
    (tmp_path / "more").mkdir()
    picture = png(torch.zeros(4, 4, dtype=torch.uint8).numpy())
    for name in ("a.png", "more/b.png"):
        (tmp_path / name).write_bytes(picture)
    assert [payload.data for payload in from_folder(tmp_path)] == [picture, picture]
