"""Publishing: only what answers as it was published, whole or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.bundle import Manifest, Provenance, read_bundle
from app.bundle.tensors import TensorSpec
from app.errors import GoldenMismatch
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pipeline import Golden, Pipeline, replay
from app.registry import SHIPPED
from app.tasks.classify import ClassifyOptions
from tests.training.conftest import left_behind
from tests.training.samples import SQUARE, Toy, png, sample, squares
from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.card.data import CardData
from training.exporting.export import Servable, export
from training.measuring.evaluate import evaluate
from training.recipes.recipe import GOLDEN
from training.runs.publish import (
    MOST_GOLDEN,
    check_folder,
    golden_from_files,
    golden_from_samples,
    prove_and_publish,
)
from training.runs.serving_decision import Publication

LABELS = ("dark", "light")


@pytest.fixture(scope="module")
def model() -> bytes:
    network = Toy()
    with torch.no_grad():
        network.head.weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 16))
        network.head.bias.zero_()
    arrays = [torch.from_numpy(array) for array in squares(2, seed=0).batch([0, 1])[0]]
    return export(Servable(network), SQUARE, arrays)


def manifest(version: int = 1, labels: tuple[str, ...] = LABELS) -> Manifest:
    return Manifest(
        name="toy",
        version=version,
        description="",
        encoder=ImageSpec(height=4, width=4, channels=1, fit="pad"),
        inputs=SQUARE,
        outputs=(TensorSpec(name="probabilities", dtype="float32", shape=("batch", 2)),),
        labels=labels,
        provenance=Provenance(
            recipe="toy",
            seed=1,
            code="",
            data="",
            data_source="",
            data_licence="",
            data_sha256="",
            splits={},
        ),
        licence="",
        files={},
    )


def golden(expected_dark: str | None = "dark") -> list[Golden]:
    gray = {level: png(np.full((4, 4), level, np.uint8)) for level in (20, 230)}
    return [
        Golden("a.png", Payload(gray[20], "image/png"), expected_dark),
        Golden("b.png", Payload(gray[230], "image/png"), "light", note="drawn"),
    ]


@pytest.mark.slow
def test_golden_answers_are_the_pipelines(model: bytes, tmp_path: Path):
    files = {"model.onnx": model}
    folder = prove_and_publish(manifest(), files, golden(), CardData(), Publication(tmp_path))
    assert folder == tmp_path / "toy" / "1"
    assert set(files) == {"model.onnx"}
    bundle = read_bundle(folder, SHIPPED)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    assert [(case.file, case.note) for case in bundle.golden] == [("a.png", ""), ("b.png", "drawn")]
    for case, wanted in zip(bundle.golden, golden(), strict=True):
        assert (folder / "golden" / case.file).read_bytes() == wanted.payload.data
        assert case.probabilities == dict(pipeline.predict([wanted.payload])[0].top)


@pytest.mark.slow
def test_a_golden_payload_with_another_top_answer_stops_publishing(model: bytes, tmp_path: Path):
    with pytest.raises(
        GoldenMismatch, match=r"golden/a.png is 'light' but the model answers 'dark' \("
    ):
        prove_and_publish(
            manifest(), {"model.onnx": model}, golden("light"), CardData(), Publication(tmp_path)
        )
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_without_an_expectation_any_answer_is_published(model: bytes, tmp_path: Path):
    files, to = {"model.onnx": model}, Publication(tmp_path)
    assert prove_and_publish(manifest(), files, golden(None), CardData(), to)


@pytest.mark.slow
def test_nothing_golden_nothing_published(model: bytes, tmp_path: Path):
    with pytest.raises(TrainingError, match="no test sample is predicted correctly"):
        prove_and_publish(manifest(), {"model.onnx": model}, [], CardData(), Publication(tmp_path))
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("broken", [b"no graph", b""])
def test_a_broken_graph_leaves_nothing_behind(tmp_path: Path, broken: bytes):
    with pytest.raises(Exception, match="ONNX Runtime cannot load the graph"):
        prove_and_publish(
            manifest(), {"model.onnx": broken}, golden(), CardData(), Publication(tmp_path)
        )
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("labels", [("très foncé", "clair | blanc"), ("暗い", "明るい")])
def test_any_label_survives(model: bytes, tmp_path: Path, labels: tuple[str, ...]):
    cases = [replace(g, expected=label) for g, label in zip(golden(), labels, strict=True)]
    folder = prove_and_publish(
        manifest(labels=labels), {"model.onnx": model}, cases, CardData(), Publication(tmp_path)
    )
    answers = Pipeline(read_bundle(folder, SHIPPED)).predict(
        [case.payload for case in cases], ClassifyOptions()
    )
    assert [answer.label for answer in answers] == list(labels)


def labelled_examples(names_and_labels: list[tuple[str, str]]) -> Examples:
    samples = [sample(name, label) for name, label in names_and_labels]
    targets = np.array([LABELS.index(label) for _, label in names_and_labels])
    items = [{"image": np.zeros((4, 4, 1), np.uint8)}] * len(samples)
    return Examples(items, targets, samples, SQUARE)


def test_golden_samples_are_right_ones_of_every_label_in_turn():
    test = labelled_examples([(f"{label}/{i}.png", label) for label in LABELS for i in range(9)])
    answers = np.eye(2)[test.targets]
    answers[0] = [0, 1]  # dark/0.png is predicted as light
    cases = golden_from_samples(test, evaluate(answers, test))
    assert [case.expected for case in cases] == ["dark", "light", "dark", "light"]
    assert cases[0].payload == test.samples[1].payload
    assert len({case.file for case in cases}) == 4


def test_of_many_labels_only_some_are_golden():
    labels = tuple(f"label {i}" for i in range(120))
    samples = [sample(f"{label}.png", label) for label in labels]
    items = [{"image": np.zeros((4, 4, 1), np.uint8)}] * 120
    test = Examples(items, np.arange(120), samples, SQUARE)
    cases = golden_from_samples(test, evaluate(np.eye(120), test))
    assert [case.expected for case in cases] == list(labels[:MOST_GOLDEN])


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("cats/tom.PNG", ".png"),
        ("my table.csv, line 7", ".txt"),
        ("spam_2/00001.317e78fa8ee2f54cd4890fdc09ba8176", ".txt"),
        ("no suffix", ".txt"),
        ("page.html", ".html"),
    ],
)
def test_golden_files_have_plain_names(name: str, suffix: str):
    test = labelled_examples([(name, "dark")])
    cases = golden_from_samples(test, evaluate(np.eye(2)[[0]], test))
    assert [case.file for case in cases] == [f"case-01-0{suffix}"]


@pytest.mark.parametrize("folder", sorted(p for p in GOLDEN.iterdir() if any(p.iterdir())))
def test_the_golden_files_of_the_recipes_have_labels_and_notes(folder: Path):
    cases = golden_from_files(folder)
    assert cases
    assert all(case.note for case in cases)
    if folder.name != "completion":  # how a text goes on has no right answer
        assert all(case.expected for case in cases)


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path):
    (tmp_path / "file").touch()
    check_folder(tmp_path / "new" / "models")
    for models in (tmp_path / "file", tmp_path / "file" / "models"):
        with pytest.raises(TrainingError, match="is not a folder that can be written to"):
            check_folder(models)
