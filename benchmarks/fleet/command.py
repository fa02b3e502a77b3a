"""`python -m benchmarks fleet`: the experiments in turn, a row for each promise, one table."""

import sys
import time
from collections.abc import Sequence

from benchmarks.fleet import scoring, serving, training
from benchmarks.reliability import table
from benchmarks.reliability.promise import Experiment, Row, Scope, perform

EXPERIMENTS: tuple[Experiment, ...] = (
    *training.EXPERIMENTS,
    *scoring.EXPERIMENTS,
    *serving.EXPERIMENTS,
)


def run(names: Sequence[str], quick: bool) -> None:
    """Perform experiments; exit with status 1 if a promise is not held.

    names: those whose names begin with one of these, all if there are none.
    """
    chosen = [e for e in EXPERIMENTS if not names or e.name.startswith(tuple(names))]
    if not chosen:
        known = ", ".join(experiment.name for experiment in EXPERIMENTS)
        raise SystemExit(f"no experiment begins with {', '.join(names)}; there are {known}")
    started, rows = time.monotonic(), list[Row]()
    for experiment in chosen:
        for row in perform(experiment, Scope(quick)):
            print(table.line(row), flush=True)
            rows.append(row)
    print(f"\n{table.markdown(rows)}\n\n{table.summary(rows)}")
    print(f"{time.monotonic() - started:.0f} s")
    if any(map(table.not_held, rows)):
        sys.exit(1)
