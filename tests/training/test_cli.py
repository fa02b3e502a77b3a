"""`thalamus-train`: a user's mistake is one line on stderr and exit status 2."""

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from tests.training.cli_mistakes import MISTAKES, file, folder, latin
from tests.training.samples import Toy, gray_pictures, png, toy_recipe
from training.cli import main
from training.recipes import RECIPES


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
    assert "expected utf-8 text, but byte 0 does not decode" in said
    assert "no image, sound or text found" in said.splitlines()[-1]


def test_inspect_prints_labels_encoder_and_unreadable_files(
    tmp_path: Path, somewhere: Path, capsys: pytest.CaptureFixture[str]
):
    data = folder(tmp_path / "my pets", **{"black cats": 12, "été": 11})
    file(data / "black cats" / "bad.png", png(np.zeros((9, 9), np.uint8))[:40])
    assert main(["inspect", "--data", str(data)]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert "     12  black cats" in lines and "     11  été" in lines
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


def test_training_a_language_model_without_kenlm_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["run", "completion", "--epochs", "1", "--models", str(tmp_path / "m")]) == 2
    assert "lmplz and query of KenLM" in capsys.readouterr().err
    assert main(["compare", "completion"]) == 2
    assert "completion is no classifier" in capsys.readouterr().err
