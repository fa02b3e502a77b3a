"""`python -m benchmarks chaos` and `soak`: experiments in turn, a row for each promise."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reliability import (
    choice,
    connections,
    folder,
    hang,
    memory,
    neighbours,
    overload,
    rolling,
    soak,
    stop,
    swap,
    table,
    trouble,
)
from benchmarks.reliability.bundles import serve_copies
from benchmarks.reliability.promise import Experiment, Row, Scope, perform
from benchmarks.reliability.service import Launch, NotReady, running

EXPERIMENTS = (
    *memory.EXPERIMENTS,
    *swap.EXPERIMENTS,
    *choice.EXPERIMENTS,
    *hang.EXPERIMENTS,
    *folder.EXPERIMENTS,
    *overload.EXPERIMENTS,
    *connections.EXPERIMENTS,
    *stop.EXPERIMENTS,
    *rolling.EXPERIMENTS,
    *neighbours.EXPERIMENTS,
    *trouble.EXPERIMENTS,
)


def chosen(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments whose names begin with one of these, all if there are none."""
    found = [e for e in EXPERIMENTS if not names or e.name.startswith(tuple(names))]
    if not found:
        known = ", ".join(experiment.name for experiment in EXPERIMENTS)
        raise SystemExit(f"no experiment begins with {', '.join(names)}; there are {known}")
    return found


def run(names: Sequence[str], quick: bool, write: bool) -> None:
    """Perform experiments; exit with status 1 if a promise is not held."""
    scope = Scope(quick)
    _require_a_service()
    rows = [row for experiment in chosen(names) for row in _perform(experiment, scope)]
    part = " ".join(("chaos", *names))  # the document has a table for each part that is shown
    only = f' ONLY="{" ".join(names)}"' if names else ""
    _finish(part, f"make chaos{' QUICK=1' if quick else ''}{only}", rows, write)


def _require_a_service() -> None:
    """End at once, with the log, if the service does not start even without trouble."""
    with tempfile.TemporaryDirectory() as name:
        models = serve_copies(Path(name), "digits")
        with running(Launch(models), ready=False) as service:
            try:
                service.wait_ready()
            except NotReady:
                raise SystemExit(f"the service does not start:\n{service.text()}") from None


def run_soak(minutes: float, leak: bool, write: bool) -> None:
    """Soak for some minutes; exit with status 1 if a promise is not held."""
    _require_a_service()
    rows = _perform(soak.experiment(minutes, leak), Scope())
    _finish("soak", f"make soak MINUTES={minutes:g}", rows, write)


def _perform(experiment: Experiment, scope: Scope) -> list[Row]:
    started, rows = time.monotonic(), []
    for row in perform(experiment, scope):
        print(table.line(row), flush=True)
        rows.append(row)
    print(f"{'':9}{time.monotonic() - started:.0f} s", flush=True)
    return rows


def _finish(name: str, command: str, rows: Sequence[Row], write: bool) -> None:
    print(table.summary(rows))
    if write:
        table.write(name, command, rows)
        print(f"written: {table.DOCUMENT}")
    if any(map(table.not_held, rows)):
        sys.exit(1)
