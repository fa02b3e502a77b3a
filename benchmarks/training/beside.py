"""What a run computes beside the fit: the share of its time.

A run of made files trains for a few epochs; the time of the fit is scaled to the epochs that the
default schedule has for so many samples. The rest is measured as it is: reading and encoding before
the fit; calibration, every figure, golden cases and publication after it. torch's exporter counts
by itself: it takes the same seconds however many samples there are.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.training.made import write_pictures, write_texts
from training.data.encode import Examples
from training.fitting.curve import History
from training.fitting.fit import fit
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Recipe
from training.runs.registry import run

EPOCHS = 2


@dataclass(frozen=True)
class Shares:
    """Seconds of a run of `samples` samples by the default schedule, of which `fit` is scaled.

    after: without the export.
    """

    samples: int
    before: float
    fit: float
    export: float
    after: float

    @property
    def beside(self) -> float:
        """The share of what is neither reading nor fit nor export, 0..1."""
        return self.after / (self.before + self.fit + self.export + self.after)


def measure(kind: str, samples: int) -> Shares:
    """Train on so many made files of a kind, `pictures` or `texts`, and publish."""
    write: Callable[[Path, int], None] = write_pictures if kind == "pictures" else write_texts
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / ("made" if kind == "pictures" else "made.csv")
        write(data, samples)
        return _measured(data, Path(folder) / "models", samples)


def _measured(data: Path, models: Path, samples: int) -> Shares:
    times: list[float] = [time.perf_counter()]
    recipe = auto_recipe(data, None)
    epochs = recipe.schedule.epochs
    schedule = replace(recipe.schedule, epochs=EPOCHS, patience=None, verbose=False)

    def learn(network: nn.Module, train: Examples, validation: Examples, _: Recipe) -> History:
        times.append(time.perf_counter())
        history = fit(
            network, train, validation, schedule, seed=recipe.seed, augment=recipe.augment
        )
        times.append(time.perf_counter())
        return history

    demands = replace(recipe.demands, forced=True)  # so few epochs may teach it nothing
    recipe = replace(recipe, schedule=schedule, learn=learn, demands=demands)
    with _timed_export() as exports:
        run(recipe, data, models, policy="always")
    times.append(time.perf_counter())
    before, fitted, after = (b - a for a, b in pairwise(times))
    return Shares(samples, before, fitted * epochs / EPOCHS, sum(exports), after - sum(exports))


@contextmanager
def _timed_export() -> Iterator[list[float]]:
    """Yield a list that gets the seconds of each call of torch's exporter."""
    seconds: list[float] = []
    export: Callable[..., Any] = torch.onnx.export

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return export(*arguments, **options)
        finally:
            seconds.append(time.perf_counter() - began)

    setattr(torch.onnx, "export", timed)  # noqa: B010 (for mypy it is no attribute to assign)
    try:
        yield seconds
    finally:
        setattr(torch.onnx, "export", export)  # noqa: B010
