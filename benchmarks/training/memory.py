"""`make bench-memory`: the peak memory and the time of `inspect` and `train`, by the samples.

Every run is the command line in a process of its own, with its worker processes: the figure is the
largest sum of their proportional set sizes (PSS), which counts a shared page once and a page of a
mapped file where it is mapped. It is read about twenty times a second. Training is for one epoch.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.training.made import write_pictures, write_texts

GOAL = 1.5e9  # bytes
_PAUSE = 0.05  # seconds
_WRITERS: dict[str, Callable[[Path, int], None]] = {
    "texts": write_texts,
    "pictures": write_pictures,
}
KINDS = tuple(_WRITERS)
COMMANDS = ("inspect", "train")


@dataclass(frozen=True)
class Usage:
    """The peak PSS of all processes of a command in bytes, and its wall time in seconds."""

    peak: int
    seconds: float


class Failed(Exception):
    """A command failed; the text is the end of what it said."""


def run(only: Sequence[str], counts: Sequence[int], commands: Sequence[str]) -> None:
    """Print a row for each command, kind and count."""
    print(f"{machine.describe()}; the goal is {GOAL / 1e9:.1f} GB, whatever the count", flush=True)
    print(
        "| command | samples | peak PSS, MB | seconds | seconds per 10,000 |\n|---|---|---|---|---|"
    )
    for kind in KINDS:
        for count in counts if not only or kind in only else ():
            with tempfile.TemporaryDirectory() as folder:
                data = Path(folder) / ("made.csv" if kind == "texts" else "made")
                _WRITERS[kind](data, count)
                for command in commands or COMMANDS:
                    found = measure(command, data)
                    print(
                        f"| `{command}` | {count:,} {kind} | {found.peak / 1e6:,.0f} | "
                        f"{found.seconds:,.0f} | {found.seconds / count * 10_000:.1f} |",
                        flush=True,
                    )


def measure(command: str, data: Path) -> Usage:
    """Run `thalamus-train inspect` or `train` on made data; raise `Failed`."""
    options = ["--data", str(data)]
    if command == "train":
        options += ["--epochs", "1", "--publish", "always", "--force"]  # they teach nothing
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "said").open("w+b") as said:
        started, peak = time.perf_counter(), 0
        process = subprocess.Popen(
            [sys.executable, "-m", "training.cli", command, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                peak = max(peak, machine.memory(process.pid))
                time.sleep(_PAUSE)
        finally:
            process.kill()
        seconds = time.perf_counter() - started
        if process.returncode:
            said.seek(0)
            raise Failed(said.read()[-2_000:].decode(errors="replace"))
    return Usage(peak, seconds)
