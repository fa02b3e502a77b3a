"""A training to interrupt: its weights, and what happens in the middle of it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.training.samples import Toy, squares
from training.fitting.checkpoint import Checkpoints
from training.fitting.curve import History
from training.fitting.fit import Augment, Schedule, fit

TRAIN, VALIDATION = squares(40, seed=1), squares(16, seed=2)
SCHEDULE = Schedule(epochs=5, batch_size=8, learning_rate=0.02, ema=0.9)


class Killed(BaseException):
    """Stands for the end of the process."""


def die() -> None:
    raise Killed


class Shaken:
    """Noise; after step `last` something happens, by default the process ends."""

    def __init__(self, last: int | None = None, then: Callable[[], None] = die) -> None:
        self.last, self.then, self.steps = last, then, 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        self.steps += 1
        if self.last is not None and self.steps == self.last + 1:
            self.then()
        return images // 2 + torch.randint(0, 9, images.shape, generator=generator).to(torch.uint8)


def train(augment: Augment, seed: int = 1, schedule: Schedule = SCHEDULE) -> tuple[bytes, History]:
    torch.manual_seed(seed)
    network = nn.Sequential(Toy(8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
    history = fit(network, TRAIN, VALIDATION, schedule, seed=seed, augment=augment)
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values()), history


def stop(folder: Path, after: int, schedule: Schedule = SCHEDULE) -> Path:
    """Train for so many steps, of which five are an epoch; return the checkpoint."""
    with suppress(Killed), Checkpoints(folder):
        train(Shaken(after), schedule=schedule)
    (path,) = folder.iterdir()
    return path
