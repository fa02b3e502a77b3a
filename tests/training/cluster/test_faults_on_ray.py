"""What goes wrong on a cluster is one line that names the node; nothing is published."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fleet.commands import Training, digits_folder, ended, read_until
from benchmarks.fleet.nodes import RayCluster
from tests.training.cluster.joining import joinable_cluster
from tests.training.conftest import left_behind

pytestmark = pytest.mark.ray
TRAINED = ("--epochs", "2", "--threads", "1", "--force")


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path / "t", digits_folder(tmp_path / "digits", 200))


def one_line(training: Training, *asked: object) -> str:
    """Return the line that a training ends with; nothing is published."""
    status, _, err = training.run(*TRAINED, *asked)
    lines = err.splitlines()
    assert (status, len(lines)) == (2, 1), err
    assert not training.models.exists()
    assert left_behind(training.folder) == []
    return lines[0].removeprefix("thalamus-train: ")


def hiding(folder: Path) -> tuple[str, ...]:
    """Return the start of a command that sees nothing in this folder."""
    script = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(folder))


@pytest.fixture(scope="module", autouse=True)
def _may_mount() -> None:
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this user may not mount file systems")


@contextmanager
def half_blind(folder: Path) -> Iterator[RayCluster]:
    """A cluster whose second node sees an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with joinable_cluster(1) as cluster:
        cluster.add_node(options=["--node-name=second"], before=hiding(folder))
        yield cluster


@pytest.mark.parametrize("option", ["--checkpoints", "--models"])
def test_a_folder_that_a_node_does_not_see(option: str, training: Training, tmp_path: Path) -> None:
    own = tmp_path / "own"
    with half_blind(own) as cluster:
        said = one_line(training, "--on", cluster.client, "--workers", "2", option, own)
    assert "second" in said.partition(": ")[0], said
    assert f"it does not see {option} {own}" in said and "(No such file or directory)" in said
    assert left_behind(own) == []


def test_data_that_a_node_does_not_have(training: Training) -> None:
    with half_blind(training.data) as cluster:
        said = one_line(training, "--on", cluster.client, "--workers", "2")
    assert "second" in said.partition(": ")[0], said
    assert said.endswith(f"--data {training.data} has other files there than here")


def test_a_disk_that_is_full_of_checkpoints(training: Training, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with ExitStack() as stack:
        mounted = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)]
        subprocess.run(mounted, check=True)
        stack.callback(subprocess.run, ["umount", str(small)], check=True)
        said = one_line(training, "--on", "local", "--checkpoints", small)
        assert left_behind(small) == []
    assert said.startswith("node ")
    assert f"cannot write a checkpoint to {small}: No space left on device" in said


def test_a_mistake_of_a_rank_is_said_once_and_not_repeated(
    training: Training, tmp_path: Path
) -> None:
    """What is too poor to be published is known after the training, by a rank alone."""
    training = Training(training.folder, digits_folder(tmp_path / "few", 31))
    given = ("--epochs", "1", "--threads", "1", "--on", "local", "--workers", "2")
    status, out, err = training.run(*given)
    assert status == 2 and out.count("epoch   1/1") == 1, err
    (line,) = refusals(err)
    assert "is not published" in line
    assert not training.models.exists()
    # With --force it is published at once, from the checkpoint.
    assert {Path(path).suffix for path in left_behind(training.folder)} == {"", ".ckpt"}


def test_a_worker_that_runs_out_of_memory(training: Training) -> None:
    """Something else takes the memory that the node leaves free for its workers."""
    room = 6 * 2**30
    total, free = memory_of_machine()
    if free < 2 * room:
        pytest.skip("it takes 12 GiB of free memory")
    limit = {"RAY_memory_usage_threshold": f"{(total - free + room) / total:.3f}"}
    with joinable_cluster(0) as cluster:
        cluster.add_node(environment=limit | {"RAY_memory_monitor_refresh_ms": "100"})
        asked = (*TRAINED, "--on", cluster.client, "--restarts", "1")
        running = training.start(*asked)
        said = read_until(running, "epoch   1/2")
        taken = np.ones(room, np.uint8)
        status, _, err = ended(running, said)
        del taken
    (line,) = refusals(err)
    assert status == 2 and line.startswith("thalamus-train: node ") and "ran out of memory" in line
    assert not training.models.exists()


def refusals(err: str) -> list[str]:
    """Return what was said beside warnings of few samples."""
    return [line for line in err.splitlines() if not line.startswith("warning: ")]


def memory_of_machine() -> tuple[int, int]:
    """Return the bytes that it has, and those that are free or could be."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes["MemTotal"], sizes["MemAvailable"]


def test_more_workers_than_there_is_room_for(training: Training) -> None:
    with joinable_cluster(1) as cluster:
        said = one_line(training, "--on", cluster.client, "--workers", "2")
    assert said == (
        "--workers 2 with --threads 1 do not fit: the cluster has 1 CPUs on 1 nodes, room for 1"
    )


def test_no_cluster(training: Training) -> None:
    assert "no cluster is there" in one_line(training, "--on", "ray://127.0.0.1:1")
