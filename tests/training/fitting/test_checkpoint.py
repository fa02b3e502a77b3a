"""A training that was stopped goes on to the very weights it would have come to."""

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.conftest import REPOSITORY, left_behind
from tests.training.interrupted import SCHEDULE, TRAIN, VALIDATION, Killed, Shaken, stop, train
from tests.training.samples import Toy, write_mnist
from training.errors import Diverged
from training.fitting.checkpoint import Checkpoints
from training.fitting.fit import fit
from training.progress import shown


@pytest.mark.parametrize("steps", [5, 12, 24])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_stopped_training_resumes_to_the_same_weights(
    steps: int, ema: float | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    schedule = replace(SCHEDULE, ema=ema)
    expected, whole = train(Shaken(), schedule=schedule)
    stop(tmp_path / "c", steps, schedule)
    torch.rand(9)
    rest = Shaken()
    with Checkpoints(tmp_path / "c"), shown():
        weights, history = train(rest, schedule=schedule)
    assert weights == expected
    assert rest.steps == 25 - steps // 5 * 5
    assert f"resuming after epoch {steps // 5} " in capsys.readouterr().out
    assert [e.validation_loss for e in history.epochs] == [e.validation_loss for e in whole.epochs]
    assert [e.train_loss for e in history.epochs] == [e.train_loss for e in whole.epochs]
    assert history.kept_epoch == whole.kept_epoch
    assert left_behind(tmp_path) == []


def test_finished_training_is_not_repeated(tmp_path: Path):
    with suppress(Killed), Checkpoints(tmp_path):
        expected, _ = train(Shaken())
        raise Killed  # before anything is published
    again = Shaken()
    with Checkpoints(tmp_path):
        assert train(again)[0] == expected
    assert again.steps == 0


def test_early_stopped_training_is_not_prolonged(tmp_path: Path):
    schedule = replace(SCHEDULE, epochs=40, learning_rate=0.0, patience=2)
    with suppress(Killed), Checkpoints(tmp_path):
        _, history = train(Shaken(), schedule=schedule)
        raise Killed
    assert len(history.epochs) < 40
    with Checkpoints(tmp_path):
        _, after = train(Shaken(), schedule=schedule)
    assert after == history


def drawn() -> tuple[float, float, float]:
    return float(torch.rand(1)), float(np.random.rand()), random.random()


@pytest.mark.slow
def test_random_draws_after_a_training_do_not_depend_on_where_it_was_resumed(tmp_path: Path):
    train(Shaken())
    expected = drawn()
    for steps in (0, 12, 25):
        folder = tmp_path / str(steps)
        if steps:
            with suppress(Killed), Checkpoints(folder):
                train(Shaken(steps))
                raise Killed
        drawn()
        with Checkpoints(folder):
            train(Shaken())
        assert drawn() == expected


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_checkpoint_is_one_warning_and_a_fresh_start(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = stop(tmp_path / "c", 12)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"truncated": data[:99], "flipped": data, "empty": b""}[damage])
    with Checkpoints(tmp_path / "c"):
        weights, _ = train(Shaken())
    assert weights == train(Shaken())[0]
    said = capsys.readouterr().err.splitlines()
    assert said == [f"warning: the checkpoint {path} is damaged; starting over"]


@pytest.mark.parametrize(
    "other",
    [{"seed": 2}, {"schedule": replace(SCHEDULE, learning_rate=0.03)}],
    ids=["seed", "schedule"],
)
def test_checkpoint_of_another_training_is_ignored(other: dict, tmp_path: Path):
    path = stop(tmp_path, 12)
    begun = Shaken()
    with Checkpoints(tmp_path):
        train(begun, **other)
    assert begun.steps == 25
    assert path.exists()


def test_fresh_training_ignores_its_checkpoint(tmp_path: Path):
    stop(tmp_path / "c", 12)
    begun = Shaken()
    with Checkpoints(tmp_path / "c", fresh=True):
        train(begun)
    assert begun.steps == 25
    assert left_behind(tmp_path) == []


class Hopeless(Toy):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) / (image.float().mean() < 0)  # by nothing


def test_diverged_training_leaves_no_checkpoint(tmp_path: Path):
    with pytest.raises(Diverged), Checkpoints(tmp_path / "c"):
        fit(Hopeless(), TRAIN, VALIDATION, SCHEDULE, seed=1)
    assert left_behind(tmp_path) == []


def command(folder: Path, *more: object) -> list[str]:
    arguments = ["run", "digits", "--data", folder.parent / "mnist", "--epochs", 4, *more]
    return [sys.executable, "-m", "training.cli", *map(str, arguments)]


def start(folder: Path, *more: object) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        command(folder, *more),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed_after(process: subprocess.Popen[str], epoch: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(epoch):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.training
def test_kill_9_and_resume_publishes_the_same_bytes(tmp_path: Path):
    write_mnist(tmp_path / "mnist", train=24, test=3)
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    uninterrupted, interrupted = start(whole), start(halved)
    killed_after(interrupted, "epoch   2/4")
    assert not (halved / "models").exists()
    said, _ = start(halved).communicate()
    assert "resuming after epoch " in said  # 1, if it was killed before the second was written
    assert "epoch   1/4" not in said and "epoch   4/4" in said
    assert "published" in uninterrupted.communicate()[0]
    published = contents(whole / "models")
    assert {"digits/1/README.md", "digits/1/manifest.json"} < set(published)
    assert contents(halved / "models") == published
    assert sorted(path.name for path in halved.iterdir()) == ["models"]
