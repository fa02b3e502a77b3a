"""Your own data, from the command to the answer."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.conftest import REPOSITORY
from tests.training.samples import WORDS, sentence, shape, sound
from training.cli import main
from training.errors import BadData
from training.recipes.auto import auto_recipe

SHAPES, SOUNDS = ("disc", "bar", "cross"), ("tone", "chirp", "noise")
WEIRD = {"disc": "a round thing", "bar": "été/нет".replace("/", " | "), "cross": "$x_1$"}
Make = Callable[[str, np.random.Generator], bytes]


def folder(root: Path, labels: dict[str, str], suffix: str, make: Make, each: int) -> Path:
    rng = np.random.default_rng(0)
    for kind, label in labels.items():
        (root / label).mkdir(parents=True)
        for i in range(each):
            (root / label / f"{kind} {i}{suffix}").write_bytes(make(kind, rng))
    return root


def images(root: Path, each: int = 40) -> Path:
    return folder(root / "my shapes", WEIRD, ".png", shape, each)


def sounds(root: Path, each: int = 30) -> Path:
    return folder(root / "sounds", {kind: kind for kind in SOUNDS}, ".wav", sound, each)


def texts(root: Path, each: int = 60) -> Path:
    rng = np.random.default_rng(0)
    path = root / "Mails.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "text"])
        for i in range(each):
            for number, kind in enumerate(WORDS):  # labels are whole numbers
                table.writerow([i, number, sentence(kind, rng)])
    return path


def accuracy(manifest) -> float:
    return next(m.value for m in manifest.metrics if m.name == "accuracy")


FRESH = np.random.default_rng(99)
CASES: dict[str, tuple[Callable[[Path], Path], str, list[tuple[Payload, str]]]] = {
    "my-shapes": (
        images,
        "16",
        [(Payload(shape(kind, FRESH), "image/png"), WEIRD[kind]) for kind in SHAPES * 2],
    ),
    "sounds": (
        sounds,
        "25",
        [(Payload(sound(kind, FRESH), "audio/wav"), kind) for kind in SOUNDS * 2],
    ),
    "mails": (
        texts,
        "30",
        [
            (Payload(sentence(kind, FRESH).encode(), "text/plain"), str(number))
            for number, kind in enumerate(WORDS)
        ],
    ),
}


@pytest.mark.training
@pytest.mark.parametrize("name", CASES)
def test_one_command_makes_a_model_that_is_right(name: str, tmp_path: Path):
    write, epochs, fresh = CASES[name]
    models = tmp_path / "models"
    data = write(tmp_path)
    assert main(["run", "--data", str(data), "--models", str(models), "--epochs", epochs]) == 0
    bundle = read_bundle(models / name / "1", SHIPPED)
    assert accuracy(bundle.manifest) >= 0.9
    origin = bundle.manifest.provenance
    assert (origin.recipe, origin.data_path) == ("auto", data.name)
    assert (origin.start, origin.source) == ("scratch", None)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    answers = pipeline.predict([payload for payload, _ in fresh])
    right = sum(answer.label == label for answer, (_, label) in zip(answers, fresh, strict=True))
    assert right >= 0.8 * len(fresh)


def in_a_process_of_its_own(command: list[str]) -> int:
    program = [sys.executable, "-m", "training.cli"]
    return subprocess.run([*program, *command], cwd=REPOSITORY, capture_output=True).returncode


@pytest.mark.training
@pytest.mark.parametrize(("write", "do"), [(images, main), (texts, in_a_process_of_its_own)])
def test_the_same_command_twice_gives_the_same_bytes(write: Callable, do: Callable, tmp_path: Path):
    data = write(tmp_path, 12)
    published = []
    for models in (tmp_path / "one", tmp_path / "two"):
        command = ["run", "--data", data, "--models", models, "--epochs", "2", "--name", "twice"]
        command.append("--force")  # after two epochs it may never give some label
        assert do([str(word) for word in command]) == 0
        files = sorted(path for path in (models / "twice" / "1").rglob("*") if path.is_file())
        alike = {"README.md", "manifest.json"}  # these say how long it took
        published.append({p.name: p.read_bytes() for p in files if p.name not in alike})
    assert published[0] == published[1]
    assert {"model.onnx", "cases.json"} <= set(published[0])


@pytest.mark.training
def test_a_hundred_and_more_labels(tmp_path: Path):
    path = tmp_path / "many.csv"
    rows = [f"word{label} again{label} {i},label {label}" for label in range(110) for i in range(4)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    models = tmp_path / "models"
    command = ["run", "--data", str(path), "--models", str(models), "--epochs", "4"]
    assert main([*command, "--force"]) == 0  # after four epochs it never gives some labels
    folder = models / "many" / "1"
    assert len(read_bundle(folder, SHIPPED).manifest.labels) == 110
    assert not (folder / "confusion.png").exists()


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ("My Pets (2024)", None, "my-pets-2024"),
        ("pets", "cats-and-dogs", "cats-and-dogs"),
        ("x" * 90, None, "x" * 63),
    ],
)
def test_the_name_is_made_of_the_folders(tmp_path: Path, given: str, name: str, expected: str):
    data = folder(tmp_path / given, {"disc": "a", "bar": "b"}, ".png", shape, 1)
    assert auto_recipe(data, name).name == expected


@pytest.mark.parametrize("name", ["", "Cats", "cats & dogs", "-cats", "x" * 64, "cats\n"])
def test_a_given_name_is_taken_as_it_is_or_refused(tmp_path: Path, name: str):
    data = folder(tmp_path / "pets", {"disc": "a", "bar": "b"}, ".png", shape, 1)
    with pytest.raises(BadData, match="--name: expected lower-case letters"):
        auto_recipe(data, name)


def test_the_current_folder_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = folder(tmp_path / "pets", {"disc": "a", "bar": "b"}, ".png", shape, 1)
    monkeypatch.chdir(data)
    assert auto_recipe(Path(), None).name == "pets"


def test_without_letters_there_is_no_name(tmp_path: Path):
    data = folder(tmp_path / "猫", {"disc": "a", "bar": "b"}, ".png", shape, 1)
    with pytest.raises(BadData, match="give one with --name"):
        auto_recipe(data, None)


def test_silence_and_noise_can_be_prepared(tmp_path: Path):
    labels = {kind: kind for kind in ("tone", "noise")}
    data = folder(tmp_path / "sounds", labels, ".wav", sound, 4)
    (data / "tone" / "silent.wav").write_bytes(sound("tone", np.random.default_rng(0))[:44])
    recipe = auto_recipe(data, None)
    spec, files = recipe.prepare(recipe.load(None).samples)
    assert spec.rate == 16000 and 8000 <= spec.samples <= 160_000 and files == {}
