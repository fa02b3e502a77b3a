"""Training on a cluster: the bytes of torchrun, whatever is killed, and what Ray costs."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.fleet.commands import (
    DIGITS,
    Training,
    digits_folder,
    ended,
    read_until,
    torchrun,
)
from benchmarks.fleet.nodes import RayCluster, ray_cluster
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly

OPTIONS = ("--threads", "1", "--force", "--epochs")
_EPOCHS = "4"
_PATIENCE = 600.0  # seconds for Ray's processes to end
_QUICK = 600  # digits


def _differing(found: dict[str, bytes], expected: dict[str, bytes]) -> int:
    """Count the files that are missing, further ones, or have other bytes."""
    return sum(found.get(name) != expected.get(name) for name in found.keys() | expected.keys())


@dataclass(frozen=True)
class _Reference:
    """What two ranks publish without a cluster, and how the same is asked for on one."""

    folder: Path
    data: Path
    cluster: RayCluster
    published: dict[str, bytes]

    @property
    def options(self) -> tuple[str, ...]:
        return (*OPTIONS, _EPOCHS, "--on", self.cluster.client, "--workers", "2")

    def training(self) -> Training:
        return Training(self.folder / "ray", self.data, self.cluster.environment)

    def figure(self, found: dict[str, bytes], half: int = 0) -> Figure:
        """Return how many files are others. half: how many were there before the end."""
        return Figure(half + _differing(found, self.published), f"of {len(self.published)}")


@contextmanager
def _reference(scope: Scope) -> Iterator[_Reference]:
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        folder = Path(name)
        data = digits_folder(folder / "digits", scope.choose(DIGITS, _QUICK))
        alone = Training(folder / "torchrun", data)
        published = trained(alone, *OPTIONS, _EPOCHS, launcher=torchrun(2))
        yield _Reference(folder, data, cluster, published)


def _kill(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _reference(scope) as reference:
        run = reference.training()
        running = run.start(*reference.options)
        read_until(running, "epoch   2/")
        os.kill(run.process(1), signal.SIGKILL)
        _check(ended(running))
        yield "worker", reference.figure(run.published())


def _resume(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _reference(scope) as reference:
        run = reference.training()
        running = run.start(*reference.options)
        read_until(running, "epoch   2/")
        running.kill()
        running.wait()
        half = len(run.published())
        yield "resumed", reference.figure(trained(run, *reference.options), half)


def _cost(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, given = digits_folder(folder / "digits", scope.choose(DIGITS, _QUICK)), _EPOCHS
        plain, _ = seconds_of(Training(folder / "plain", data), given)
        ray, _ = seconds_of(Training(folder / "ray", data), given, "--on", "local")
        yield "local", Figure(ray - plain, f"{plain:.1f} s without, {ray:.1f} s with Ray")


def trained(run: Training, *more: str, launcher: Sequence[str] = ()) -> dict[str, bytes]:
    """Train to the end; return the files that were published, or raise `RuntimeError`."""
    _check(run.run(*more, launcher=launcher))
    return run.published()


def _check(outcome: tuple[int, str, str]) -> None:
    status, _, said = outcome
    if status:
        raise RuntimeError(said[-400:])


def seconds_of(
    run: Training, epochs: str, *more: str, launcher: Sequence[str] = ()
) -> tuple[float, float]:
    """Train; return the seconds on the wall, and of the processors in all processes."""
    machine.adopt_orphans()
    began, before = time.monotonic(), machine.cpu(os.getpid())
    trained(run, *OPTIONS, epochs, *more, launcher=launcher)
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
            Promise(
                "worker",
                "files other than those of torchrun when a worker is killed in an epoch",
                exactly(0, "files"),
            ),
        ),
        _kill,
    ),
    Experiment(
        "training/resume",
        (
            Promise(
                "resumed",
                "files half published, or other than torchrun's, when the command is killed and "
                "repeated",
                exactly(0, "files"),
            ),
        ),
        _resume,
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
