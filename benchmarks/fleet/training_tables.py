"""`python -m benchmarks.fleet.training_tables`: the tables of docs/how-to/train-on-ray.md.

`quality`: with 1, 2 and 4 workers over several seeds. `cost`: what a training costs on this
machine, by itself, by torchrun, and on Ray. Without a word both; half an hour on two cores.

Quality is that of torchrun's ranks, which publish the bytes of as many workers
(tests/training/cluster/test_on_ray.py), and start sooner.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from benchmarks.fleet.commands import Training, digits_folder, torchrun
from benchmarks.fleet.training import OPTIONS, seconds_of, trained

_SEEDS, _EPOCHS, _ROUNDS = range(1, 6), "8", 3


def quality(folder: Path) -> list[str]:
    """Train with each number of workers and seed; return the rows of a table."""
    lines = [
        "| workers | test accuracy, mean of 5 seeds | standard error | seeds |",
        "|---|---|---|---|",
    ]
    for workers in (1, 2, 4):
        found = []
        for seed in _SEEDS:
            run = Training(folder / f"{workers}-{seed}", folder / "digits")
            asked = (*OPTIONS, _EPOCHS, "--seed", str(seed))
            published = trained(run, *asked, launcher=torchrun(workers))
            found.append(100 * _accuracy(published))
            print(workers, seed, found[-1], flush=True)
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        each = ", ".join(f"{value:.2f}" for value in found)
        lines.append(f"| {workers} | {np.mean(found):.2f} % | {error:.2f} | {each} |")
    return lines


def _accuracy(published: dict[str, bytes]) -> float:
    manifest = orjson.loads(published["digits/1/manifest.json"])
    return float(next(m["value"] for m in manifest["metrics"] if m["name"] == "accuracy"))


def cost(folder: Path) -> list[str]:
    """Train in each way; return the rows of a table, with medians of the rounds in turn."""
    ways: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "plain": ((), ()),
        "torchrun, 2 ranks": (torchrun(2), ()),
        "`--on local --workers 1`": ((), ("--on", "local", "--workers", "1")),
        "`--on local --workers 2`": ((), ("--on", "local", "--workers", "2")),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(_ROUNDS):
        for name, (launcher, more) in ways.items():
            place = folder / f"cost-{number}-{len(found[name])}-{list(ways).index(name)}"
            run = Training(place, folder / "digits")
            found[name].append(seconds_of(run, _EPOCHS, *more, launcher=launcher))
            print(name, found[name][-1], flush=True)
    lines = ["| way | seconds | CPU seconds |", "|---|---|---|"]
    for name, each in found.items():
        wall, computed = np.median(each, axis=0)
        lines.append(f"| {name} | {wall:.1f} | {computed:.1f} |")
    return lines


if __name__ == "__main__":
    tables = {"cost": cost, "quality": quality}
    with tempfile.TemporaryDirectory() as made:
        digits_folder(Path(made) / "digits")
        for asked in sys.argv[1:] or tables:
            print("\n".join([*tables[asked](Path(made)), ""]))
