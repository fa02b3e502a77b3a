"""What is reported of a published model is what the service answers."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline
from app.registry import SHIPPED
from app.tasks.classify import ClassifyOptions, Prediction
from tests.training.conftest import REPOSITORY, left_behind
from tests.training.optical import write_digits
from training.cli import main

pytestmark = pytest.mark.slow

MODELS = REPOSITORY / "models"


@pytest.fixture(scope="module")
def optical(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[Prediction]]:
    """Digits of another collection, what they are, and what the service answers."""
    data = write_digits(tmp_path_factory.mktemp("measure") / "optical", 900)
    paths = sorted(data.glob("*/*.png"))
    pictures = [Payload(path.read_bytes(), "image/png") for path in paths]
    answers = Pipeline(read_bundle(MODELS / "digits" / "1", SHIPPED)).predict(
        pictures, ClassifyOptions()
    )
    return data, [path.parent.name for path in paths], answers


def measured(data: Path, report: Path) -> dict:
    arguments = ["--data", str(data), "--models", str(MODELS), "--report", str(report)]
    assert main(["measure", "digits", *arguments]) == 0
    return json.loads(report.read_bytes())


def test_the_figures_are_those_of_the_answers_of_other_data(optical, tmp_path: Path):
    data, truth, answers = optical
    before = left_behind(MODELS)
    report = measured(data, tmp_path / "report.json")
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    right = [a.label == label for a, label in zip(answers, truth, strict=True)]
    held = [label in a.prediction_set for a, label in zip(answers, truth, strict=True)]
    assert figures["accuracy"] == np.mean(right)
    assert figures["coverage of the 95 % label set"] == np.mean(held)
    assert figures["share of answers abstained"] == np.mean([a.abstained for a in answers])
    given = [r for a, r in zip(answers, right, strict=True) if not a.abstained]
    assert figures["accuracy of the answers that are not abstained"] == np.mean(given)
    assert (report["model"], report["version"], report["data"]) == ("digits", 1, "optical")
    assert left_behind(MODELS) == before


def test_the_mistakes_are_listed_the_most_frequent_first(
    optical, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, truth, answers = optical
    mistakes = measured(data, tmp_path / "report.json")["mistakes"]
    pairs = [(label, a.label) for a, label in zip(answers, truth, strict=True)]
    assert sum(mistake["count"] for mistake in mistakes) == sum(a != b for a, b in pairs) > 0
    first = mistakes[0]
    assert first["count"] == max(pairs.count(pair) for pair in pairs if pair[0] != pair[1])
    assert pairs.count((first["label"], first["predicted"])) == first["count"]
    assert truth.count(first["label"]) == first["of"]
    line = "  {label} predicted as {predicted}: {count} of {of}".format_map(first)
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("name", "file", "content", "complaint"),
    [
        ("spam", "t.csv", b"text,label\nhello there,junk\n", "spam has no label 'junk'"),
        ("completion", "t.csv", b"text,label\na,b\n", "completion does not classify"),
        ("digits", "d/7/x.png", b"no picture", "d: no sample that digits can read"),
    ],
)
def test_a_mistake_is_one_line(
    name: str,
    file: str,
    content: bytes,
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    data = tmp_path / file.split("/")[0]
    assert main(["measure", name, "--data", str(data), "--models", str(MODELS)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(said) == 1 and complaint in said[0]
