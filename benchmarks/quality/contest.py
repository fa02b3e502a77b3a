"""One contestant on one set, in a process of its own, so that nothing of another one remains."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.peers import FILES, peer_environment
from benchmarks.quality.answers import Answers, read_answers
from benchmarks.quality.figures import Figures, score
from benchmarks.quality.prepare import Prepared
from benchmarks.servers import ROOT

OURS, AUTOGLUON = "thalamus", "autogluon"
EASY_OF = {
    "text": ("words", "characters"),
    "picture": ("efficientnet", "pca-svm"),
    "sound": ("forest",),
}
PATIENCE = 7200  # seconds, for one contestant on one set


@dataclass(frozen=True)
class Terms:
    """arguments: further ones of `thalamus-train train`. automl: seconds that AutoGluon gets."""

    arguments: Sequence[str] = field(default=())
    automl: int = 300


class Failed(Exception):
    """A contestant gave no answers; the text is the last line that it wrote."""


def contestants(kind: str) -> tuple[str, ...]:
    """Return the names of all contestants for a kind of samples."""
    return (OURS, *EASY_OF[kind], AUTOGLUON)


def compete(prepared: Prepared, contestant: str, terms: Terms) -> Figures:
    """Return a contestant's figures; `failed` says why there are none."""
    truth = [sample.label for sample in prepared.samples("test")]
    try:
        if contestant == AUTOGLUON:
            found = _autogluon(prepared, terms.automl)
        else:
            found = _module(prepared, contestant, terms)
        return score(found, truth)
    except Failed as problem:
        return Figures(failed=str(problem))


def _module(prepared: Prepared, contestant: str, terms: Terms) -> Answers:
    out = prepared.folder / f"{contestant}.json"
    name = prepared.facts.name
    if contestant == OURS:
        command = ["benchmarks.quality.ours", name, str(out), *terms.arguments]
    else:
        command = ["benchmarks.quality.easy", name, contestant, str(out)]
    _run([sys.executable, "-m", *command], prepared.folder / f"{contestant}.log")
    return read_answers(out)


def _autogluon(prepared: Prepared, seconds: int) -> Answers:
    environment = peer_environment("autogluon_tabular")
    if problem := environment.install():
        raise Failed(problem)
    folder, out = prepared.folder, prepared.folder / f"{AUTOGLUON}.json"
    log, cost = folder / f"{AUTOGLUON}.log", {"seconds": 0.0, "cpu_seconds": 0.0, "megabytes": 0.0}
    if prepared.facts.kind != "text":
        folder /= "tables"
        if not (folder / "cost.json").exists():
            tables = ["benchmarks.quality.tables", prepared.facts.name, str(folder)]
            _run([sys.executable, "-m", *tables], log)
        cost = json.loads((folder / "cost.json").read_text())
    script = [str(environment.bin / "python"), str(FILES / "autogluon_tabular.py")]
    files = [str(path) for path in (folder / "train.csv", folder / "test.csv", out)]
    _run([*script, *files, str(seconds)], log)
    found = read_answers(out)
    return replace(
        found,
        seconds=found.seconds + cost["seconds"],
        cpu_seconds=found.cpu_seconds + cost["cpu_seconds"],
        megabytes=found.megabytes + cost["megabytes"],
        remark=f"{found.remark}, limit {seconds} s",
    )


def _run(command: Sequence[str], log: Path) -> None:
    """Run a command with its output in a file; raise `Failed` with the last line of it."""
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                check=False,
                timeout=PATIENCE,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {PATIENCE} s") from None
    if done.returncode:
        lines = log.read_text(errors="replace").strip().splitlines() or ["no word"]
        raise Failed(f"status {done.returncode}: {lines[-1][:300]}")
