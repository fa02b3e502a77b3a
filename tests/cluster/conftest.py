"""A Ray cluster of two nodes on this machine, for the tests of a file; `make test-ray`."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs thalamus[ray]")

from benchmarks.fleet.nodes import RayCluster, ray_cluster

ROOT = Path(__file__).parents[2]
Predict = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes of one CPU. Of a file: a machine runs one head at a time."""
    with ray_cluster() as started:
        yield started


@pytest.fixture
def predict(cluster: RayCluster) -> Predict:
    """Run `thalamus predict` where the cluster can be reached; return status, stdout, stderr."""

    def run(*words: object, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "predict", *map(str, words)],
            cwd=ROOT,
            env={**cluster.environment, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def rows_of(path: Path) -> list[dict]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def one_line(found: tuple[int, str, str]) -> str:
    """Return the line of a command that refused; fail where it did or said anything else."""
    status, out, err = found
    assert (status, out) == (2, ""), err
    assert err.startswith("thalamus: ") and err.count("\n") == 1, err
    return err
