"""Two ranks learn what one does: each its share, all the same weights, one that speaks."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.conftest import REPOSITORY
from tests.training.ranked import SCHEDULE, train
from tests.training.samples import sentences, squares
from training.errors import BadData, TrainingError
from training.fitting import ranks
from training.fitting.batches import Batches


def as_rank(rank: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that torchrun gives a process."""
    actual = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    actual |= {"TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": 1}
    for name, value in actual.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("count", [2, 3])
def test_ranks_divide_every_batch(seed: int | None, count: int, monkeypatch: pytest.MonkeyPatch):
    examples = sentences(range(1, 43), 20)
    alone = [targets for _, targets in Batches(examples, 8, seed)]
    shares = []
    for rank in range(count):
        as_rank(rank, count, monkeypatch)
        with ranks.joined(None):
            shares.append([targets for _, targets in Batches(examples, 8, seed)])
    whole = [torch.cat(parts) for parts in zip(*shares, strict=True)]
    assert len({len(share) for share in shares}) == 1
    if seed is not None:  # a small remainder is left out
        alone = [batch for batch in alone if len(batch) >= 2 * count]
    for batch, divided in zip(alone, whole, strict=True):
        assert sorted(batch.tolist()) == sorted(divided.tolist())
    if seed is None:
        assert sum(map(len, whole)) == len(examples)


def test_too_few_samples_for_the_ranks(monkeypatch: pytest.MonkeyPatch):
    as_rank(1, 9, monkeypatch)
    with ranks.joined(None), pytest.raises(BadData, match="7 samples are too few for 9 ranks"):
        Batches(squares(7, seed=1), 8, None)


def test_only_the_leader_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for rank in range(2):
        as_rank(rank, 2, monkeypatch)
        with ranks.joined(None):
            assert ranks.leads() == (rank == 0)
            print(f"rank {rank}")
            print(f"rank {rank}", file=sys.stderr)
    said = capsys.readouterr()
    assert said.out == said.err == "rank 0\n"
    assert ranks.current().count == 1


def test_torchrun_and_ranks_option_must_agree(monkeypatch: pytest.MonkeyPatch):
    as_rank(0, 2, monkeypatch)
    expected = pytest.raises(TrainingError, match="torchrun started 2 ranks, --ranks says 3")
    with expected, ranks.joined(3):
        pass


def run_ranks(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Train in two ranks that torchrun starts."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launch, "--nproc-per-node", "2", "-m", "tests.training.ranked", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


def as_machines(folder: Path) -> list[object]:
    """Train in two ranks, each on what counts as a machine of its own; return what they came to."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = []
    for rank in range(2):
        place = {"RANK": rank, "GROUP_RANK": rank, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
        group = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        named = {"TORCHELASTIC_RUN_ID": "x", "OMP_NUM_THREADS": 1, "PYTHONPATH": REPOSITORY}
        actual = {name: str(value) for name, value in (place | group | named).items()}
        command = [sys.executable, "-m", "tests.training.ranked", str(folder)]
        running.append(subprocess.Popen(command, env={**os.environ, **actual}))
    assert [each.wait() for each in running] == [0, 0]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.training
def test_ranks_with_other_samples_than_the_leader_are_refused(tmp_path: Path):
    ended = run_ranks(tmp_path, "differing")
    assert ended.returncode != 0
    assert "rank 1 has other samples, settings, code or libraries than rank 0" in ended.stderr
    assert not (tmp_path / "0.json").exists()


@pytest.mark.training
def test_two_ranks_end_with_equal_weights(tmp_path: Path):
    ended = run_ranks(tmp_path)
    assert ended.returncode == 0, ended.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    assert as_machines(tmp_path / "machines") == [first, second]
    alone = train(tmp_path)
    assert len(first["losses"]) == len(alone["losses"]) == SCHEDULE.epochs
    assert first["weights"] != alone["weights"]  # each rank has other luck
    assert abs(first["right"] - alone["right"]) <= 0.02 * alone["of"]
    assert first["right"] > 0.95 * first["of"]
