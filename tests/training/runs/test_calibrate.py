"""A published model set up on other data of its kind: scikit-learn's 8×8 digits for MNIST's."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.bundle import Manifest, read_bundle
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pack import Package, pack
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.app.pack.graphs import colour_graph, outside
from tests.training.conftest import REPOSITORY, left_behind
from tests.training.optical import write_digits
from tests.training.samples import gray_pictures, png, toy_recipe
from training.cli import main
from training.data.split import Shares
from training.runs.classifier import train_classifier

pytestmark = pytest.mark.slow

SET = "coverage of the 95 % label set"


def figures(manifest: Manifest) -> dict[str, float]:
    return {m.name: m.value for m in manifest.metrics}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The shipped model, calibrated on other digits, and those."""
    folder = tmp_path_factory.mktemp("digits")
    shutil.copytree(REPOSITORY / "models" / "digits", folder / "models" / "digits")
    data = write_digits(folder / "optical", 900)
    assert main(["calibrate", "digits", "--data", str(data), "--models", f"{folder}/models"]) == 0
    return folder / "models" / "digits", data


def test_the_sets_hold_what_they_promise_on_the_other_data(digits: tuple[Path, Path]):
    found = figures(read_bundle(digits[0] / "2", SHIPPED).manifest)
    assert found[f"{SET}, as published"] < 0.8  # other scanners, other hands
    assert 0.92 < found[SET] < 0.985  # of some 450 samples
    assert found["share of answers abstained"] < 0.1
    assert found["share of answers abstained, as published"] > 0.2
    assert found["accuracy"] > 0.95


def test_calibration_changes_no_label(digits: tuple[Path, Path]):
    old, new = (Pipeline(read_bundle(digits[0] / version, SHIPPED)) for version in "12")
    pictures = [
        Payload(path.read_bytes(), "image/png") for path in sorted(digits[1].glob("*/1*.png"))
    ]
    before, after = (
        old.predict(pictures),
        new.predict(pictures),
    )
    assert [answer.label for answer in before] == [answer.label for answer in after]
    assert {answer.novelty for answer in before} == {answer.novelty for answer in after}
    assert [answer.prediction_set for answer in before] != [
        answer.prediction_set for answer in after
    ]


def test_it_is_the_next_version_and_proves_itself(digits: tuple[Path, Path]):
    old, new = (read_bundle(digits[0] / version, SHIPPED) for version in "12")
    assert replay(new, Pipeline(new)) == []
    kept = {"provenance", "encoder", "labels", "inputs", "outputs", "precision", "name"}
    assert old.manifest.model_dump(include=kept) == new.manifest.model_dump(include=kept)
    assert old.manifest.temperature != new.manifest.temperature
    assert new.manifest.novelty is not None and new.manifest.conformal is not None
    assert new.manifest.novelty.samples == new.manifest.conformal.samples
    card = (digits[0] / "2" / "README.md").read_text()
    assert "`thalamus-train calibrate digits` on optical" in card
    assert "![Confusion matrix](confusion.png)" in card


def test_a_packed_graph_of_logits_gets_a_temperature_and_sets(tmp_path: Path):
    graph, labels = colour_graph(), ("red", "green", "blue")
    (tmp_path / "model.onnx.data").write_bytes(outside(graph, "model.onnx.data"))
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    encoder = ImageSpec(height=8, width=8, fit="stretch", layout="NCHW", dtype="float32")
    package = Package("colours", labels, encoder, "logits", "none")
    rng = np.random.default_rng(0)
    for number in range(240):
        label = number % 3
        pixels = rng.integers(0, 200, (8, 8, 3)).astype(np.uint8)
        pixels[..., label] = np.maximum(pixels[..., label], rng.integers(90, 160))
        path = tmp_path / "data" / labels[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pixels))
    first = pack(tmp_path / "model.onnx", package, [path], tmp_path / "models").folder
    arguments = ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "models")]
    assert main(["calibrate", "colours", *arguments]) == 0
    old, new = (
        read_bundle(first, SHIPPED),
        read_bundle(tmp_path / "models" / "colours" / "2", SHIPPED),
    )
    assert (old.graph, old.manifest.conformal) == (new.graph, None)
    assert set(new.graph.external) == {"model.onnx.data"}
    assert 0.05 < new.manifest.temperature < 0.5  # the graph's logits are too flat
    assert new.manifest.conformal is not None
    assert 0.85 < figures(new.manifest)[SET] <= 1
    answer = Pipeline(new).predict([Payload(path.read_bytes(), "image/png")])[0]
    assert (answer.label, answer.abstained) == (labels[label], False)


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


@pytest.mark.parametrize(
    ("name", "rows", "complaint"),
    [
        ("spam", [("hello there", "junk")] * 2, "spam has no label 'junk'; its labels are 'ham', "),
        (
            "spam",
            [("hello there", "ham"), ("buy now", "spam")],
            "2 different samples that can be read are too few; with 76 or more there are enough",
        ),
        ("completion", [("a", "b")], "completion does not classify"),
        ("chess", [("a", "b")], "holds no chess"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_published(
    name: str,
    rows: list[tuple[str, str]],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    models = tmp_path / "models"
    for kept in ("spam", "completion"):
        shutil.copytree(REPOSITORY / "models" / kept, models / kept)
    table = write_table(tmp_path / "table.csv", rows)
    assert main(["calibrate", name, "--data", str(table), "--models", str(models)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(said) == 1 and complaint in said[0]
    assert not list(models.glob("*/2"))


def test_the_files_it_was_trained_on_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pictures = gray_pictures(60)
    for sample in pictures.samples:
        path = tmp_path / "data" / sample.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.payload.data)
    train_classifier(toy_recipe(pictures, shares=Shares(validation=35)), None, tmp_path / "models")
    before = left_behind(tmp_path / "models")
    arguments = ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "models")]
    assert main(["calibrate", "toy", *arguments]) == 2
    assert "toy/1 was trained on these very files" in capsys.readouterr().err
    assert left_behind(tmp_path / "models") == before
