"""Made data are a function of the seed; the loops train; a command that fails is no figure."""

import csv
from pathlib import Path

import pytest
import torch

from benchmarks.training import memory
from benchmarks.training.loops import Plain, ours, tasks
from benchmarks.training.made import LABELS, encoded_texts, write_pictures, write_texts


def test_made_texts_differ_and_have_every_label(tmp_path: Path) -> None:
    for name in "ab":
        write_texts(tmp_path / name, 300)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    rows = list(csv.DictReader((tmp_path / "a").read_text().splitlines()))
    assert len({row["text"] for row in rows}) == 300
    assert len({row["label"] for row in rows}) == LABELS


def test_made_pictures_differ(tmp_path: Path) -> None:
    write_pictures(tmp_path / "made", 40)
    files = list((tmp_path / "made").rglob("*.png"))
    assert len({path.read_bytes() for path in files}) == 40
    assert len({path.parent for path in files}) == LABELS


def test_made_examples_are_those_of_the_seed() -> None:
    one, other, third = (encoded_texts(20, 30, 50, seed) for seed in (1, 1, 2))
    assert one.items.digest == other.items.digest != third.items.digest  # type: ignore[attr-defined]
    assert one.lengths().max() <= 30


@pytest.mark.training
@pytest.mark.parametrize("kind", ["pictures", "texts"])
def test_both_loops_train(kind: str) -> None:
    torch.set_num_threads(1)
    task = tasks(0.05)[kind]
    assert ours(task) > 0 and Plain(task)() > 0


@pytest.mark.slow
def test_a_command_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(memory.Failed, match="does not exist"):
        memory.measure("inspect", tmp_path / "nothing")


@pytest.mark.slow
def test_the_peak_is_that_of_the_command(tmp_path: Path) -> None:
    write_texts(tmp_path / "made.csv", 60)
    found = memory.measure("inspect", tmp_path / "made.csv")
    assert 50e6 < found.peak < 4e9 and found.seconds > 0
