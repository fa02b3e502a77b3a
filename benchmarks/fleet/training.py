"""Training on a cluster: the bytes of torchrun, whatever is killed meanwhile, and what Ray costs.

The data are the 1,797 digits, 8×8, that scikit-learn carries, as files.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from PIL import Image

from benchmarks import machine
from benchmarks.fleet.nodes import ray_cluster
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.servers import ROOT

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
_PATIENCE = 600.0
_QUICK, DIGITS = 600, 1797


@dataclass(frozen=True)
class Run:
    """A training of the digits in a folder of its own."""

    folder: Path
    data: Path
    epochs: int

    def start(self, *more: str, launcher: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Start the command. more: options. launcher: of Python, before the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = ["-m", "training.cli", "train", "--data", str(self.data)]
        words += ["--epochs", str(self.epochs), "--threads", "1", "--force"]
        return subprocess.Popen(
            [sys.executable, *launcher, *words, *more],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, running: "subprocess.Popen[str]") -> None:
        """Wait for the end of the command; raise `RuntimeError` where it failed."""
        _, said = running.communicate(timeout=_PATIENCE)
        if running.returncode:
            raise RuntimeError(said[-400:])

    def train(self, *more: str, launcher: Sequence[str] = ()) -> dict[str, bytes]:
        """Train to the end; return the files that were published."""
        self.finish(self.start(*more, launcher=launcher))
        return self.published()

    def published(self) -> dict[str, bytes]:
        """Return every file that was published, by its path."""
        models = self.folder / "models"
        files = (path for path in sorted(models.rglob("*")) if path.is_file())
        return {str(path.relative_to(models)): path.read_bytes() for path in files}

    def process(self, rank: int) -> int:
        """Return the process of a rank on a cluster."""
        (found,) = (self.folder / "checkpoints").glob(f"ray-*/worker-{rank}.json")
        return int(orjson.loads(found.read_bytes())["process"])

    def wait_for_epoch(self, running: "subprocess.Popen[str]", number: int) -> None:
        """Read what is printed up to the line of this epoch."""
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith(f"epoch {number:3d}/"):
                return
        raise RuntimeError(f"no epoch {number}: {running.communicate()[1][-400:]}")


def _differing(found: dict[str, bytes], expected: dict[str, bytes]) -> int:
    """Count the files that are missing, further ones, or have other bytes."""
    return sum(found.get(name) != expected.get(name) for name in found.keys() | expected.keys())


@contextmanager
def digits(most: int) -> Iterator[Path]:
    """Write digits as a folder for each label; yield the folder that they are in."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    with tempfile.TemporaryDirectory() as name:
        for number, (image, target) in enumerate(zip(images[:most], targets, strict=False)):
            path = Path(name) / "digits" / f"digit {target}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image.reshape(8, 8) * 15.9).astype(np.uint8)).save(path)
        yield Path(name)


def _kill(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with digits(scope.choose(DIGITS, _QUICK)) as folder, ray_cluster() as cluster:
        data = folder / "digits"
        expected = Run(folder / "torchrun", data, 4).train(launcher=TORCHRUN)
        on = ("--on", cluster.client, "--workers", "2")
        found = Run(folder / "ray", data, 4).train(*on)
        yield "equal", Figure(_differing(found, expected), f"of {len(expected)}")

        run = Run(folder / "killed", data, 4)
        running = run.start(*on)
        run.wait_for_epoch(running, 2)
        os.kill(run.process(1), signal.SIGKILL)
        run.finish(running)
        yield "worker", Figure(_differing(run.published(), expected), f"of {len(expected)}")

        run = Run(folder / "resumed", data, 4)
        running = run.start(*on)
        run.wait_for_epoch(running, 2)
        running.kill()
        running.wait()
        half = len(run.published())
        changed = _differing(run.train(*on), expected)
        yield "resumed", Figure(half + changed, f"of {len(expected)}, {half} before the end")


def _cost(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with digits(scope.choose(DIGITS, _QUICK)) as folder:
        plain, _ = seconds_of(Run(folder / "plain", folder / "digits", 4))
        ray, _ = seconds_of(Run(folder / "ray", folder / "digits", 4), "--on", "local")
        yield "local", Figure(ray - plain, f"{plain:.1f} s without, {ray:.1f} s with Ray")


def seconds_of(run: Run, *more: str, launcher: Sequence[str] = ()) -> tuple[float, float]:
    """Train; return the seconds on the wall, and of the processors in all processes."""
    machine.adopt_orphans()
    began, before = time.monotonic(), machine.cpu(os.getpid())
    run.train(*more, launcher=launcher)
    took = time.monotonic() - began
    while len(machine.tree(os.getpid())) > 1 and time.monotonic() < began + took + _PATIENCE:
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)  # Ray's processes, whose command has ended
        time.sleep(0.05)
    return took, machine.cpu(os.getpid()) - before


EXPERIMENTS = (
    Experiment(
        "training/kill",
        (
            Promise("equal", "files other than those of torchrun", exactly(0, "files")),
            Promise(
                "worker",
                "files other than those of torchrun when a worker is killed in an epoch",
                exactly(0, "files"),
            ),
            Promise(
                "resumed",
                "files half published, or other than torchrun's, when the command is killed and "
                "repeated",
                exactly(0, "files"),
            ),
        ),
        _kill,
    ),
    Experiment(
        "training/cost",
        (
            Promise(
                "local",
                "what `--on local` adds to a training",
                at_most(30, "s"),
                timed=True,
            ),
        ),
        _cost,
    ),
)
