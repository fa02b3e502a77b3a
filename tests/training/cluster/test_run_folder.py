"""What the processes of a training leave for the command: lines, mistakes, what was published."""

from pathlib import Path

import pytest

from app.errors import NotWritten
from tests.training.conftest import left_behind
from training.cluster.run_folder import run_folder


def test_whole_lines_are_read_once(tmp_path: Path) -> None:
    with run_folder(tmp_path / "c") as folder, folder.progress() as file:
        assert folder.said(0) == ([], 0)
        file.write("epoch 1\nwarning: été\nepo")
        file.flush()
        lines, start = folder.said(0)
        assert lines == ["epoch 1", "warning: été"]
        file.write("ch 2\n")
        file.flush()
        assert folder.said(start)[0] == ["epoch 2"]
    assert left_behind(tmp_path) == []


def test_places_count_the_attempts_of_a_rank(tmp_path: Path) -> None:
    with run_folder(tmp_path / "c") as folder:
        assert folder.place(1) is None
        assert [folder.enter(1, "a").attempt, folder.enter(1, "b").attempt] == [0, 1]
        place = folder.place(1)
        assert place is not None and (place.node, place.attempt) == ("b", 1)


def test_a_run_has_ended_with_what_is_published_or_with_a_mistake(tmp_path: Path) -> None:
    with run_folder(tmp_path / "c") as folder:
        assert not folder.has_ended and folder.published() is None
        folder.add_published(tmp_path / "m" / "1")
        assert folder.has_ended and folder.published() == tmp_path / "m" / "1"
    with run_folder(tmp_path / "c") as folder:
        for rank in (2, 0):
            folder.add_mistake(folder.enter(rank, f"node {rank}"), f"mistake of {rank}")
        assert folder.has_ended
        assert [each.line for each in folder.mistakes()] == ["mistake of 0", "mistake of 2"]
        assert folder.mistakes()[1].place.node == "node 2"


def test_other_files_beside_it_stay(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.ckpt").touch()
    with run_folder(tmp_path / "c"):
        pass
    assert left_behind(tmp_path) == ["c", "c/x.ckpt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = pytest.raises(NotWritten, match="choose another folder with --checkpoints")
    with refused, run_folder(tmp_path / "file"):
        raise AssertionError("nothing may begin")
