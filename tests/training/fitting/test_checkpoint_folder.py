"""The folder of checkpoints: shared by trainings, and on a disk that may refuse."""

import resource
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
import torch

from app.errors import NotWritten
from tests.training.conftest import left_behind
from tests.training.interrupted import SCHEDULE, TRAIN, VALIDATION, Shaken, train
from tests.training.samples import Toy
from training.fitting.checkpoint import Checkpoints, SealedFile
from training.fitting.fit import fit


@pytest.mark.parametrize("at", [3, 12])
def test_training_that_ends_leaves_another_in_its_folder_alone(at: int, tmp_path: Path):
    def other() -> None:
        with torch.random.fork_rng(), Checkpoints(tmp_path / "c"):
            fit(Toy(), TRAIN, VALIDATION, replace(SCHEDULE, epochs=2, ema=None), seed=7)

    alone, _ = train(Shaken())
    with Checkpoints(tmp_path / "c"):
        beside, _ = train(Shaken(at, other))
    assert beside == alone
    assert left_behind(tmp_path) == []


def test_folder_that_vanishes_at_any_moment_of_a_write_is_made_again(tmp_path: Path):
    folder, ended = tmp_path / "c", Event()

    def end_often() -> None:
        while not ended.is_set():
            with Checkpoints(folder):
                pass

    others = Thread(target=end_often)
    others.start()
    try:
        for epoch in range(200):
            SealedFile().save_checkpoint({"epoch": epoch}, folder / "x.ckpt")
            assert SealedFile().load_checkpoint(folder / "x.ckpt") == {"epoch": epoch}
            SealedFile().remove_checkpoint(folder / "x.ckpt")
    finally:
        ended.set()
        others.join()


def refuse() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))


def test_disk_that_refuses_a_checkpoint_ends_the_training_and_keeps_the_one_before(tmp_path: Path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(NotWritten) as refusal, Checkpoints(tmp_path / "c"):
            train(Shaken(11, refuse))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(refusal.value) == (
        f"cannot write a checkpoint to {tmp_path / 'c'}: File too large; "
        "choose another folder with --checkpoints"
    )
    (kept,) = (tmp_path / "c").iterdir()
    assert kept.suffix == ".ckpt"
    rest = Shaken()
    with Checkpoints(tmp_path / "c"):
        train(rest)
    assert rest.steps == 15


def test_folder_of_checkpoints_that_cannot_be_made_is_refused_at_once(tmp_path: Path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotWritten, match="cannot write a checkpoint to"), Checkpoints(folder):
            raise AssertionError("nothing may begin")
