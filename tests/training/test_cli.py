"""`thalamus-train`: a user's mistake is one line on stderr and exit status 2."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from tests.training.conftest import REPOSITORY
from tests.training.samples import (
    Toy,
    gray_pictures,
    png,
    shape,
    toy_recipe,
    write_mnist,
    write_recordings,
    write_tar,
)
from training.cli import main
from training.recipes import RECIPES

RNG = np.random.default_rng(0)
STARTED = ("--start", "features")
SPOKEN = REPOSITORY / "models" / "spoken-digits"


def folder(root: Path, **labels: int) -> Path:
    for label, count in labels.items():
        (root / label).mkdir(parents=True)
        for i in range(count):
            (root / label / f"{i}.png").write_bytes(shape("disc", RNG))
    return root


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def latin(root: Path) -> Path:
    for label in ("un", "deux"):
        (root / label).mkdir(parents=True)
        for i in range(20):
            file(root / label / f"{i}.txt", f"été {label} {i}".encode("latin-1"))
    return root


def broken_idx(root: Path) -> Path:
    file(write_mnist(root, 1, 1) / "train-images-idx3-ubyte.gz", b"\x1f\x8b\x08broken")
    return root


def broken_zip(path: Path) -> Path:
    recordings = write_recordings(path.parent / "r", ["anna"], each=1) / "recordings"
    with zipfile.ZipFile(path, "w") as archive:
        for recording in recordings.iterdir():
            archive.write(recording, f"x/recordings/{recording.name}")
    return file(path, path.read_bytes()[:-300])


def ruled(models: Path) -> Path:
    """A folder in which nobody knows which version of `d` serves."""
    (models / "d").mkdir(parents=True)
    return file(models / "d" / "serving.json", '{"policy": "newest"}').parents[1]


Arguments = Callable[[Path], list[object]]
# Each is a way of making a mistake in a folder, and what is answered.
SEEN_WITHOUT_TORCH: dict[str, tuple[Arguments, str]] = {
    "no arguments": (lambda t: [], "COMMAND"),
    "no such command": (lambda t: ["fly"], "unknown command 'fly'; see thalamus-train --help"),
    "nothing named": (lambda t: ["run"], "name a recipe (thalamus-train recipes), or your --data"),
    "unknown recipe": (lambda t: ["run", "chess"], "no recipe 'chess'; there are digits,"),
    "unknown option": (lambda t: ["run", "digits", "--fast"], "--fast"),
    "no number": (lambda t: ["run", "digits", "--epochs", "many"], "--epochs"),
    "no epochs": (
        lambda t: ["run", "digits", "--epochs", "0"],
        "--epochs: expected a whole number of at least 1, got '0'",
    ),
    "negative seed": (
        lambda t: ["run", "digits", "--seed=-1"],
        "--seed: expected a whole number of at least 0, got '-1'",
    ),
    "no threads": (
        lambda t: ["run", "digits", "--threads", "0"],
        "--threads: expected a whole number of at least 1, got '0'",
    ),
    "a name for a recipe": (lambda t: ["run", "digits", "--name", "x"], "--name is for your own"),
    "no such bundle": (
        lambda t: ["measure", "digit", "--data", t, "--models", REPOSITORY / "models"],
        "holds no digit (did you mean digits?)",
    ),
    "no such version": (
        lambda t: [
            *("measure", "digits", "--version", "99", "--data", t),
            *("--models", REPOSITORY / "models"),
        ],
        "holds no digits/99",
    ),
    "no data for a bundle": (lambda t: ["calibrate", "digits"], "--data is missing"),
    "missing data for a bundle": (
        lambda t: ["calibrate", "digits", "--data", t / "no"],
        "no does not exist",
    ),
    "nowhere to report": (
        lambda t: ["measure", "digits", "--data", t, "--report", t / "no" / "x.json"],
        "expected a file in a folder that exists",
    ),
    "no precision": (lambda t: ["quantize", "digits"], "--precision is missing"),
    "no such precision": (
        lambda t: ["publish", "digits", "--precision", "int9"],
        "--precision: expected one of int8, fp16, got 'int9'",
    ),
    "a share that is none": (
        lambda t: ["quantize", "digits", "--precision", "int8", "--most-lost", "101"],
        "--most-lost: expected a number from 0 to 100, got '101'",
    ),
    "no such split": (lambda t: ["few-labels", "digits", "--split", "all"], "--split"),
    "missing folder": (lambda t: ["run", "--data", t / "no"], "no does not exist"),
    "missing recipe data": (lambda t: ["run", "digits", "--data", t / "no"], "no does not exist"),
    "empty folder": (
        lambda t: ["run", "--data", t / "somewhere"],
        "expected one sub-folder per label",
    ),
    "no table": (lambda t: ["run", "--data", file(t / "x.zip", "PK")], "expected a folder"),
    "models is a file": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--models", file(t / "m", "")],
        "is not a folder that can be written to",
    ),
    "no such policy": (
        lambda t: ["run", "digits", "--publish", "better"],
        "--publish: expected one of if-better, always, never, got 'better'",
    ),
    "no ranks": (
        lambda t: ["run", "digits", "--ranks", "0"],
        "--ranks: expected a whole number from 1 to 4096, got '0'",
    ),
    "from for nothing": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--from", "digits"],
        "--from names what --start pretrained or features starts from",
    ),
    "no such start": (
        lambda t: ["run", "digits", "--start", "anew"],
        "--start: expected one of scratch, pretrained, features, got 'anew'",
    ),
    "from nowhere": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", "nowhere"],
        "--from nowhere: neither imagenet, minilm, nor a bundle in models",
    ),
    "epochs of features": (
        lambda t: [
            *("run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--epochs", "3"),
            *("--from", SPOKEN.parent / "digits"),
        ],
        "--epochs: feature extraction has none",
    ),
    "an odd picture of the starts": (
        lambda t: ["compare-starts", "digits", "--picture", t / "x.gif"],
        "a picture is .svg or .png",
    ),
    "one fold": (
        lambda t: ["compare", "spam", "--folds", "1"],
        "--folds: expected a whole number from 2 to 50, got '1'",
    ),
}
MISTAKES: dict[str, tuple[Arguments, str]] = {
    **SEEN_WITHOUT_TORCH,
    "a rule that cannot be used": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--models", ruled(t / "m")],
        "d/serving.json: policy: ",
    ),
    "nothing to study": (lambda t: ["few-labels", "imagenet"], "comes trained"),
    "learns from labels": (lambda t: ["few-labels", "digits"], "digits learns from labels"),
    "wrong recipe data": (lambda t: ["run", "digits", "--data", folder(t / "d", a=1)], "holds no"),
    "one class": (
        lambda t: ["run", "--data", folder(t / "d", cats=12)],
        "at least two labels are needed, found cats",
    ),
    "copies only": (
        lambda t: ["run", "--data", file(t / "t.csv", "text,label\n" + "a,x\nb,y\n" * 9)],
        "every label needs at least 3 different samples; too few: x, y",
    ),
    "two samples": (
        lambda t: ["run", "--data", folder(t / "d", cats=12, dogs=2)],
        "too few: dogs",
    ),
    "missing column": (
        lambda t: ["run", "--data", file(t / "t.csv", "words;label\n")],
        "no column label and no text",
    ),
    "a name of no letters": (
        lambda t: ["run", "--data", folder(t / "猫", a=3, b=3)],
        "makes no model name; give one with --name",
    ),
    "broken IDX file": (lambda t: ["run", "digits", "--data", broken_idx(t / "d")], "IDX file"),
    "broken zip": (
        lambda t: ["run", "spoken-digits", "--data", broken_zip(t / "d.zip")],
        "d.zip is not a readable zip archive",
    ),
    "broken tar": (
        lambda t: ["run", "spam", "--data", file(t / "spam.tar.bz2", b"BZh9nonsense")],
        "spam.tar.bz2 is not a readable tar archive",
    ),
    "no mails": (
        lambda t: ["run", "spam", "--data", write_tar(t / "s.tar.bz2", {"a": b""})],
        "no mail found",
    ),
    "inspecting the pretrained": (lambda t: ["inspect", "imagenet"], "comes trained"),
    "comparing the pretrained": (lambda t: ["compare", "imagenet"], "comes trained"),
    "no baseline": (lambda t: ["compare", "digits"], "digits has no baseline to compare with"),
    "a start for the pretrained": (
        lambda t: ["run", "imagenet", "--start", "features"],
        "imagenet comes trained; it starts from nothing else",
    ),
    "from a folder of nothing": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", t / "d"],
        "neither a bundle (manifest.json) nor a backbone (config.json)",
    ),
    "from sounds to pictures": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", SPOKEN],
        "spoken-digits/1 reads sounds, but d holds image/png",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(
    mistake: str, tmp_path: Path, somewhere: Path, capsys: pytest.CaptureFixture[str]
):
    arguments, complaint = MISTAKES[mistake]
    assert main([str(argument) for argument in arguments(tmp_path)]) == 2
    said = [
        line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning: ")
    ]
    assert len(said) == 1
    assert said[0].startswith("thalamus-train: ") and complaint in said[0]
    assert list(somewhere.iterdir()) == []


def test_texts_in_another_charset_are_named(
    tmp_path: Path, somewhere: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["run", "--data", str(latin(tmp_path / "d"))]) == 2
    said = capsys.readouterr().err
    assert "40 file(s) cannot be used" in said
    assert "expected utf-8 text, but byte 0 does not decode" in said
    assert "too few readable samples" in said.splitlines()[-1]


def test_inspect_says_what_a_run_would_train_on(
    tmp_path: Path, somewhere: Path, capsys: pytest.CaptureFixture[str]
):
    data = folder(tmp_path / "my pets", **{"black cats": 12, "été": 11})
    file(data / "black cats" / "bad.png", png(np.zeros((9, 9), np.uint8))[:40])
    assert main(["inspect", "--data", str(data)]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert "     13  black cats" in lines and "     11  été" in lines
    assert any(line.startswith('encoder: {"kind":"image"') for line in lines)
    assert "black cats/bad.png (" in said.err
    assert list(somewhere.iterdir()) == []


class Hopeless(Toy):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) * float("nan")


def test_a_loss_that_is_no_number_is_one_line_and_leaves_nothing(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(RECIPES, "toy", toy_recipe(gray_pictures(), network=Hopeless))
    assert main(["run", "toy"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("thalamus-train: the loss became nan in epoch 1; nothing is published.")
    assert list(somewhere.iterdir()) == []


def test_ctrl_c_says_that_nothing_was_published(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def stopped(_: Path | None):
        raise KeyboardInterrupt

    monkeypatch.setitem(RECIPES, "toy", toy_recipe(gray_pictures(), load=stopped))
    assert main(["run", "toy", "--models", str(somewhere)]) == 130
    assert "nothing was published" in capsys.readouterr().err


def test_a_network_of_words_says_what_it_needs_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["run", "completion", "--epochs", "1", "--models", str(tmp_path / "m")]) == 2
    assert "lmplz and query of KenLM" in capsys.readouterr().err
    assert main(["compare", "completion"]) == 2
    assert "completion is no classifier" in capsys.readouterr().err
