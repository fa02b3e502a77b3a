"""Trainings as commands: on a cluster, by torchrun, and alone; what they publish; how they die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.fleet.nodes import RayCluster, ray_cluster
from tests.training.conftest import REPOSITORY
from tests.training.samples import png
from training.cluster.run_folder import RunFolder

_COMMAND = ("-m", "training.cli", "train")
_PATIENCE = 600.0


def digits_folder(folder: Path, most: int = 600) -> Path:
    """Write digits of scikit-learn, 8×8, as a folder per label."""
    images, targets = load_digits(return_X_y=True)
    for number, (image, target) in enumerate(zip(images[:most], targets, strict=False)):
        path = folder / f"digit {target}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png((image.reshape(8, 8) * 15.9).astype(np.uint8)))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@dataclass(frozen=True)
class Training:
    """A folder in which trainings of some data run: `models` and `checkpoints` are below it."""

    folder: Path
    data: Path

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def start(self, *more: object, launcher: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, *launcher, *_COMMAND, "--data", self.data, *more]
        environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [str(word) for word in words],
            cwd=self.folder,
            env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *more: object, launcher: Sequence[str] = ()) -> tuple[int, str, str]:
        """Run the command to its end; return its status, and what it printed."""
        return ended(self.start(*more, launcher=launcher))

    def process(self, rank: int) -> int:
        """Return the process of a rank, when it has begun."""
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            for path in self.checkpoints.glob("ray-*"):
                place = RunFolder(path).place(rank)
                if place is not None:
                    return place.process
            time.sleep(0.1)
        raise AssertionError(f"rank {rank} never began")


def ended(process: subprocess.Popen[str], before: str = "") -> tuple[int, str, str]:
    """Return the status, and what was printed; before: what was read of it."""
    out, err = process.communicate(timeout=_PATIENCE)
    return process.returncode, before + out, err


def read_until(process: subprocess.Popen[str], start: str) -> str:
    """Return what is printed up to a line that begins so."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(start):
            return said
    raise AssertionError(f"{said}\n{process.communicate()[1]}")


@contextmanager
def joinable_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """A cluster whose token the commands know that are started meanwhile."""
    with ray_cluster(nodes) as cluster, pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.setenv(name, cluster.environment[name])
        yield cluster


def kill(number: int) -> None:
    """End a process as a crash would."""
    os.kill(number, signal.SIGKILL)
