"""Trainings on a cluster of two real nodes: the bytes of torchrun, whatever is killed meanwhile."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet.commands import Training, ended, read_until
from benchmarks.fleet.nodes import RayCluster
from tests.training.cluster.conftest import TRAINED
from tests.training.cluster.joining import joinable_cluster
from tests.training.cluster.test_search import codes
from tests.training.conftest import left_behind

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with joinable_cluster() as found:
        yield found


def untimed(said: str) -> list[str]:
    """What was printed, without seconds and without where it was published."""
    lines = [line for line in said.splitlines() if not line.startswith("published ")]
    return [line.rpartition("  ")[0] if line.startswith("epoch ") else line for line in lines]


def test_one_worker_publishes_the_bytes_of_the_plain_command(
    cluster: RayCluster, training: Training, data: Path, tmp_path: Path
) -> None:
    alone = Training(tmp_path / "alone", data)
    status, plain, err = alone.run(*TRAINED)
    assert status == 0, err
    status, out, err = training.run(*TRAINED, "--on", cluster.client)
    assert status == 0, err
    assert training.published() == alone.published() != {}
    assert untimed(out) == untimed(plain)
    assert {path.partition("/")[0] for path in left_behind(training.folder)} == {"models"}


def test_two_workers_publish_the_bytes_of_torchrun(
    cluster: RayCluster, training: Training, of_torchrun: dict[str, bytes]
) -> None:
    status, out, err = training.run(*TRAINED, "--on", cluster.client, "--workers", "2")
    assert status == 0, err
    assert training.published() == of_torchrun
    assert out.splitlines()[-1] == f"published {training.models}/digits/1"
    assert {line.partition(" ")[0] for line in err.splitlines()} <= {"warning:"}


def test_a_worker_that_is_killed_in_an_epoch_changes_nothing(
    cluster: RayCluster, training: Training, of_torchrun: dict[str, bytes]
) -> None:
    running = training.start(*TRAINED, "--on", cluster.client, "--workers", "2")
    said = read_until(running, "epoch   2/4")
    os.kill(training.process(1), signal.SIGKILL)
    status, out, err = ended(running, said)
    assert status == 0, err
    assert "resuming after epoch " in out
    assert training.published() == of_torchrun
    assert [path for path in left_behind(training.folder) if "models" not in path] == []


def test_too_many_losses_end_in_one_line_and_the_same_command_resumes(
    cluster: RayCluster, training: Training, of_torchrun: dict[str, bytes]
) -> None:
    asked = (*TRAINED, "--on", cluster.client, "--workers", "2", "--restarts", "0")
    running = training.start(*asked)
    read_until(running, "epoch   2/4")
    os.kill(training.process(0), signal.SIGKILL)
    status, _, err = ended(running)
    assert status == 2
    (line,) = err.splitlines()
    assert line.startswith("thalamus-train: node ") and "worker 0 was lost" in line
    assert "after 0 restarts (--restarts)" in line
    assert not training.models.exists()
    status, out, err = training.run(*asked)
    assert status == 0, err
    assert "resuming after epoch " in out
    assert training.published() == of_torchrun


def test_a_search_is_replayed_without_the_cluster(cluster: RayCluster, tmp_path: Path) -> None:
    training = Training(tmp_path / "t", codes(tmp_path / "mails.csv"))
    asked = ("--text-case", "keep", "--force")
    searched = ("--on", cluster.client, "--search", "3", "--minutes", "3")
    status, out, err = training.run(*asked, *searched)
    assert status == 0, err
    assert "| start | accuracy | cross-entropy |" in out and "learning rate" in out
    published = training.published()
    origin = json.loads(published["mails/1/manifest.json"])["provenance"]
    assert out.count("| chosen |") == published["mails/1/README.md"].count(b"| chosen |") == 1
    named = ["--start", origin["start"], "--threads", origin["threads"]]
    for option in ("epochs", "learning_rate"):
        if option in origin:
            named += [f"--{option.replace('_', '-')}", origin[option]]
    alone = Training(tmp_path / "alone", training.data)
    status, _, err = alone.run(*asked, *named)
    assert status == 0, err
    again = alone.published()
    assert again["mails/1/model.onnx"] == published["mails/1/model.onnx"]
    assert json.loads(again["mails/1/manifest.json"])["provenance"] == origin
