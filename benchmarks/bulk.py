"""`python -m benchmarks predict`: `thalamus predict` of many files against the in-process limit.

The command reads files, answers and writes JSON lines, on all cores. Its start is not counted: the
time of a run over few files, which starts as many processes, is taken from that of a run over many.
The start is shown beside, because whoever has few files waits for little else.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.everyday import LIMIT, NOW, Row, head
from benchmarks.limit import CORES, Limit
from benchmarks.models import Workload, workload
from benchmarks.rounds import interleave
from benchmarks.servers import ROOT

MODELS = ("large", "small", "text", "audio")
FEW = 64  # files for each core: enough to start all processes, and to learn what a file takes


class Command:
    """Runs the command on the payloads of a model as files below `folder`; measures its rate.

    many: files of the long run.
    """

    def __init__(self, work: Workload, folder: Path, many: int) -> None:
        self._work, self._out = work, folder / "answers.jsonl"
        self._few, self._many = FEW * CORES, FEW * CORES + many
        for name, count in (("few", self._few), ("many", self._many)):
            _fill(folder / name, work.payloads, count)
        self._folder = folder
        self.start = 0.0  # seconds, of the latest run over few files

    def rate(self) -> float:
        """Return the files that a second more answers."""
        self.start = self._seconds("few")
        return (self._many - self._few) / (self._seconds("many") - self.start)

    def _seconds(self, name: str) -> float:
        self._out.unlink(missing_ok=True)
        words = ["predict", str(self._work.bundle), str(self._folder / name)]
        command = [sys.executable, "-m", "app.cli", *words, "--out", str(self._out)]
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True)
        return time.perf_counter() - start


def run(only: list[str], rounds: int, seconds: float) -> None:
    """Print a row for each model; only: models, none: all. seconds: of a long run."""
    print(f"Files a second of `thalamus predict`, its start not counted.\n{head(LIMIT, rounds)}")
    with closing(Limit()) as limit, tempfile.TemporaryDirectory() as folder:
        for model in only or MODELS:
            most = limit.rate(model, seconds / 3)
            command = Command(workload(model), Path(folder) / model, max(64, int(most * seconds)))
            command.rate()  # reads the files for the first time
            contestants: dict[str, Callable[[], float]] = {
                NOW: command.rate,
                LIMIT: partial(limit.rate, model, seconds),
            }
            row = Row(f"{model}, predict", interleave(contestants, rounds), LIMIT)
            started = f"{FEW * CORES} files with the start: {command.start:.2f} s"
            print(row, started, sep="  ", flush=True)


def _fill(folder: Path, payloads: tuple[bytes, ...], count: int) -> None:
    """Write so many files; those of the same payload are links to one."""
    folder.mkdir(parents=True)
    for number in range(count):
        path, first = folder / f"{number:06}", folder / f"{number % len(payloads):06}"
        if number < len(payloads):
            path.write_bytes(payloads[number])
        else:
            os.link(first, path)
