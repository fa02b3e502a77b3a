"""Scoring on a cluster: the rows of one machine, whatever is killed meanwhile, and how fast."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from benchmarks import inputs
from benchmarks.fleet.nodes import RayCluster, ray_cluster
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_least, exactly
from benchmarks.reliability.service import wait_until
from benchmarks.servers import ROOT

_WORKER = "ray::MapWorker"  # how Ray names a process of a pool of Ray Data
_TOLERANCE = 1e-4  # of a probability: batches have other sizes
_SOME = 5_000  # bytes of rows after which something is killed
_ROWS, _QUICK_ROWS = 100_000, 6_000
_PATIENCE = 120.0  # seconds until the first rows


@dataclass(frozen=True)
class Table:
    """A table of texts, and the command that answers it. environment: that of the command."""

    path: Path
    rows: int
    environment: Mapping[str, str]

    def command(self, out: Path, *more: str) -> list[str]:
        """Return the command that answers it."""
        words = ["predict", "models/spam", str(self.path), "--text-column", "text"]
        return [sys.executable, "-m", "app.cli", *words, "--out", str(out), *more]

    def beside(self, name: str) -> Path:
        """Return where answers of this name go."""
        return self.path.with_name(f"{name}.jsonl")

    def answered(self, out: Path, *more: str) -> "Rows":
        """Answer it to the end; return the rows."""
        done = subprocess.run(
            self.command(out, *more),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-400:])
        return Rows.read(out)


@dataclass(frozen=True)
class Rows:
    """The rows of a file: their numbers in order, and their probabilities."""

    numbers: Sequence[int]
    probabilities: Sequence[float]

    @staticmethod
    def read(path: Path) -> "Rows":
        """Read them."""
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        return Rows([row["row"] for row in rows], [row.get("probability", -1.0) for row in rows])

    def wrong(self, expected: int) -> int:
        """Count the rows that are missing, twice there, or out of order."""
        wanted = range(1, expected + 1)
        if list(self.numbers) == list(wanted):
            return 0
        twice = len(self.numbers) - len(set(self.numbers))
        return max(1, len(set(wanted) ^ set(self.numbers)) + twice)

    def differing(self, other: "Rows") -> int:
        """Count the rows with another probability."""
        pairs = zip(self.probabilities, other.probabilities, strict=True)
        return sum(abs(a - b) > _TOLERANCE for a, b in pairs)


def _table(folder: Path, rows: int, environment: Mapping[str, str]) -> Table:
    texts = inputs.texts(512)
    path = folder / "texts.jsonl"
    with path.open("w") as file:
        for number in range(rows):
            text = texts[number % len(texts)].decode(errors="replace")
            file.write(json.dumps({"text": f"{number} {text}"}) + "\n")
    return Table(path, rows, environment)


@contextmanager
def _tables(scope: Scope) -> Iterator[tuple[RayCluster, Table]]:
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        rows = scope.choose(_ROWS, _QUICK_ROWS)
        yield cluster, _table(Path(name), rows, cluster.environment)


def _kill(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _tables(scope) as (cluster, table):
        alone = table.answered(table.beside("alone"))
        out = table.beside("out")
        running = _started(table, out, ("--on", cluster.client))
        killed = _kill_worker(cluster)
        _ended(running)
        rows = Rows.read(out)
        note = f"of {table.rows:,}; process {killed} was killed"
        yield "worker", Figure(rows.wrong(table.rows), note)
        yield "equal", Figure(rows.differing(alone), f"of {table.rows:,}")


def _resume(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _tables(scope) as (cluster, table):
        at, out = ("--on", cluster.client), table.beside("out")
        running = _started(table, out, at)
        running.kill()
        running.wait()
        left = out.read_bytes()
        whole = left[: left.rfind(b"\n") + 1]
        table.answered(out, *at, "--resume")
        changed = 0 if out.read_bytes().startswith(whole) else 1
        before = whole.count(b"\n")
        wrong = Rows.read(out).wrong(table.rows) + changed
        yield "resumed", Figure(wrong, f"after {before:,} rows")


def _node(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _tables(scope) as (cluster, table):
        at, out = ("--on", cluster.client), table.beside("out")
        running = _started(table, out, at)
        cluster.nodes[1].kill()
        running.communicate(timeout=300)  # it may end with one line
        table.answered(out, *at, "--workers", "1", "--resume")
        yield "node", Figure(Rows.read(out).wrong(table.rows), "of two")


def _speed(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Compare rates without the start: that of a long run beyond a short one."""
    few, many = scope.choose((5_000, 65_000), (2_000, 14_000))
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        folder = Path(name)
        (folder / "few").mkdir()
        short = _table(folder / "few", few, cluster.environment)
        long = _table(folder, many, cluster.environment)
        ratios = []
        for number in range(scope.choose(3, 1)):
            rates = []
            for more in (("--workers", "2"), ("--on", cluster.client)):
                out = folder / f"{number}-{more[0]}.jsonl"
                seconds = _seconds(long, out, more) - _seconds(short, out.with_suffix(".few"), more)
                rates.append((many - few) / seconds)
            ratios.append(rates[1] / rates[0])
        note = f"{rates[1]:,.0f} and {rates[0]:,.0f} rows a second, two processes each"
        yield "rate", Figure(sorted(ratios)[len(ratios) // 2], note)


def _seconds(table: Table, out: Path, more: Sequence[str]) -> float:
    started = time.monotonic()
    table.answered(out, "--format", "jsonl", *more)
    return time.monotonic() - started


def _started(table: Table, out: Path, more: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the command, and wait until it has written some rows."""
    running = subprocess.Popen(
        table.command(out, *more),
        cwd=ROOT,
        env=table.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if wait_until(lambda: _has_some(out) or running.poll() is not None, _PATIENCE) == inf:
        raise RuntimeError("nothing happened in time")
    if running.poll() is not None:
        _ended(running)
        raise RuntimeError("it ended before anything could be killed; more rows are needed")
    return running


def _has_some(out: Path) -> bool:
    return out.exists() and out.stat().st_size > _SOME


def _ended(running: "subprocess.Popen[bytes]") -> None:
    _, said = running.communicate(timeout=300)
    if running.returncode:
        raise RuntimeError(said.decode(errors="replace")[-400:])


def _kill_worker(cluster: RayCluster) -> int:
    """Kill one process that answers; return its id."""
    for pid in cluster.processes(_WORKER):
        os.kill(pid, signal.SIGKILL)
        return pid
    raise RuntimeError("no process answers")


EXPERIMENTS = (
    Experiment(
        "scoring/kill",
        (
            Promise("worker", "rows lost or doubled when a worker is killed", exactly(0, "rows")),
            Promise("equal", "rows with other answers than one machine's", exactly(0, "rows")),
        ),
        _kill,
    ),
    Experiment(
        "scoring/resume",
        (
            Promise(
                "resumed",
                "rows lost, doubled or changed when the command is killed and resumed",
                exactly(0, "rows"),
            ),
        ),
        _resume,
    ),
    Experiment(
        "scoring/node",
        (
            Promise(
                "node",
                "rows lost or doubled when a node is killed and the command resumed",
                exactly(0, "rows"),
            ),
        ),
        _node,
    ),
    Experiment(
        "scoring/speed",
        (Promise("rate", "rows a second, of those of one machine", at_least(0.9), timed=True),),
        _speed,
    ),
)
