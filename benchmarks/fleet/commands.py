"""Trainings of digits as commands: on a cluster, by torchrun, and alone; what they publish.

The data are the 1,797 digits, 8×8, that scikit-learn carries, as files.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.service import wait_until
from benchmarks.servers import ROOT
from training.cluster.run_folder import RunFolder, WorkerPlace

DIGITS = 1797
_TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
_COMMAND = ("-m", "training.cli", "train")
_PATIENCE = 600.0


def digits_folder(folder: Path, most: int = DIGITS) -> Path:
    """Write digits as a folder for each label; return the folder that these are in."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    for number, (image, target) in enumerate(zip(images[:most], targets, strict=False)):
        path = folder / f"digit {target}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image.reshape(8, 8) * 15.9).astype(np.uint8)).save(path)
    return folder


@dataclass(frozen=True)
class Training:
    """A folder in which trainings of some data run: `models` and `checkpoints` are below it.

    environment: of the commands, in addition to that of this process.
    """

    folder: Path
    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def models(self) -> Path:
        """Where they publish."""
        return self.folder / "models"

    @property
    def checkpoints(self) -> Path:
        """Where they keep what they resume from."""
        return self.folder / "checkpoints"

    def start(self, *more: object, launcher: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Start the command. more: options. launcher: of Python, before the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, *launcher, *_COMMAND, "--data", self.data, *more]
        own = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [str(word) for word in words],
            cwd=self.folder,
            env={**os.environ, **self.environment, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *more: object, launcher: Sequence[str] = ()) -> tuple[int, str, str]:
        """Run the command to its end; return its status, and what it printed."""
        return ended(self.start(*more, launcher=launcher))

    def published(self) -> dict[str, bytes]:
        """Return every file that was published, by its path."""
        files = (path for path in self.models.rglob("*") if path.is_file())
        return {path.relative_to(self.models).as_posix(): path.read_bytes() for path in files}

    def process(self, rank: int) -> int:
        """Return the process of a rank on a cluster, when it has begun."""
        found: list[WorkerPlace] = []

        def has_begun() -> bool:
            places = [RunFolder(path).place(rank) for path in self.checkpoints.glob("ray-*")]
            found.extend(place for place in places if place is not None)
            return bool(found)

        if wait_until(has_begun, _PATIENCE, 0.1) == inf:
            raise RuntimeError(f"rank {rank} never began")
        return found[0].process


def torchrun(ranks: int) -> tuple[str, ...]:
    """Return what starts a command in so many ranks; nothing for one."""
    return (*_TORCHRUN, str(ranks)) if ranks > 1 else ()


def ended(process: "subprocess.Popen[str]", before: str = "") -> tuple[int, str, str]:
    """Return the status, and what was printed; before: what was read of it."""
    out, err = process.communicate(timeout=_PATIENCE)
    return process.returncode, before + out, err


def read_until(process: "subprocess.Popen[str]", start: str) -> str:
    """Return what is printed up to a line that begins so."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(start):
            return said
    raise RuntimeError(f"{said}\n{process.communicate()[1]}")
