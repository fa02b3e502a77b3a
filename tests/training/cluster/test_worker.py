"""A worker runs the task as torchrun would, and leaves what a new start must know."""

import os
import sys
from pathlib import Path

import pytest

from training.cluster.run_folder import RunFolder, run_folder
from training.cluster.worker import RankPlace, work
from training.errors import BadData, OtherRankStopped

ALONE = RankPlace(0, 1, "here")


@pytest.fixture
def folder(tmp_path: Path):
    with run_folder(tmp_path / "c") as found:
        yield found


def test_what_the_leader_prints_and_publishes_is_recorded(folder: RunFolder) -> None:
    def task(attempt: int) -> Path:
        print(f"attempt {attempt}")
        print("warning: few samples", file=sys.stderr)
        return Path("/models/x/1")

    work(task, folder, ALONE)
    assert folder.said(0)[0] == ["attempt 0", "warning: few samples"]
    assert folder.published() == Path("/models/x/1")
    work(task, folder, ALONE)  # Ray starts it again because another rank was lost
    assert folder.said(0)[0] == ["attempt 0", "warning: few samples"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BadData("two samples are too few"), "two samples are too few"),
        (FileNotFoundError(2, "No such file", "/x"), "/x: No such file"),
    ],
)
def test_a_mistake_is_recorded_and_not_repeated(
    error: Exception, line: str, folder: RunFolder
) -> None:
    calls = []

    def task(attempt: int) -> None:
        calls.append(attempt)
        raise error

    with pytest.raises(type(error)):
        work(task, folder, ALONE)
    (mistake,) = folder.mistakes()
    assert (mistake.line, mistake.place.node, mistake.place.rank) == (line, "here", 0)
    work(task, folder, ALONE)
    assert calls == [0]


@pytest.mark.parametrize("error", [OtherRankStopped("gone"), ConnectionResetError(104, "reset")])
def test_the_loss_of_another_rank_is_no_mistake_of_this_one(
    error: Exception, folder: RunFolder
) -> None:
    attempts = []

    def task(attempt: int) -> None:
        attempts.append(attempt)
        raise error

    for _ in range(2):
        with pytest.raises(type(error)):
            work(task, folder, ALONE)
    assert folder.mistakes() == [] and attempts == [0, 1]


def test_a_rank_has_the_environment_of_torchrun(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")
    for name in (*names, "GROUP_RANK"):
        monkeypatch.setenv(name, "")  # restored at the end

    def task(_: int) -> None:
        assert [os.environ[name] for name in names] == ["1", "3", "0", "1", "ray"]
        print("nobody reads this")

    work(task, folder, RankPlace(1, 3, "there"))
    assert folder.said(0)[0] == [] and folder.published() is None
