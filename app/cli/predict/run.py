"""One run: inputs → rows in the output; who answers them is chosen here."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from app.cli.predict.answers import Answers, Model
from app.cli.predict.inputs import STDIN, Input, find_inputs
from app.cli.predict.output import Output, Totals, written_before
from app.cli.predict.processes import answer_here, answer_in_processes, answer_in_threads
from app.cli.predict.progress import Progress
from app.cli.predict.rows import Columns, Format, Rows, name_width
from app.cli.predict.tables import TableReading
from app.errors import OperatorError

_EACH = 4  # inputs for which another process is worth its start
_AHEAD = 64  # inputs whose names are seen before the first row is written


@dataclass(frozen=True, slots=True)
class Source:
    """The paths that were given, and how their files are read."""

    paths: Sequence[str]
    charset: str | None = None
    table: TableReading | None = None

    def inputs(self, beside: Path | None) -> Iterator[Input]:
        """Yield the items; beside: a file that is none of them."""
        return find_inputs(self.paths, self.charset, self.table, beside)

    def named(self) -> list[str]:
        """Return the paths that are given by name, and not by a pattern."""
        return [path for path in self.paths if os.path.lexists(path)]

    def after(self, beside: Path | None, before: int) -> Iterator[Input]:
        """Yield the items but the first ones, which have a row."""
        return islice(self.inputs(beside), before, None)

    def count(self, beside: Path | None) -> int | None:
        """Return the number of items; None where that takes reading them."""
        if self.table is not None or STDIN in self.paths:
            return None
        return sum(1 for _ in self.inputs(beside))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows go and how they are written; resume: add to what a run before has written."""

    path: Path | None
    format: Format
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked what.

    model, version: as rows name them; version 0 where only an answer has it. members: of an answer,
    with their types. load: opens the model, given how rows are written. workers: processes, or
    connections to a service. remote: whether it is a service. elsewhere: answers on other machines,
    given how rows are written and what yields the inputs there.
    """

    model: str
    version: int
    members: dict[str, Any]
    load: Callable[[Rows], Model]
    workers: int
    remote: bool = False
    elsewhere: Callable[[Rows, Callable[[], Iterator[Input]]], Answers] | None = None


def predict_all(source: Source, destination: Destination, question: Question) -> Totals:
    """Write a row for each input; raise `OperatorError` where none can be written any more."""
    path, inputs = destination.path, source.inputs(destination.path)
    first = list(islice(inputs, _AHEAD))
    if not first:
        raise OperatorError(f"{source.paths[0]}: there is nothing to answer in it")
    inputs = chain(first, inputs)
    columns = Columns(question.members, source.table is not None, name_width(first))
    rows, totals = Rows(destination.format, columns), Totals()
    with closing(Output(path, destination.resume)) as output:
        if destination.resume and path is not None:
            asked = (question.model, question.version)
            totals = written_before(path, destination.format, columns, inputs, asked)
        has_header = path is not None and path.stat().st_size > 0
        progress = Progress(_count(source, path), totals.before)
        left = list(islice(inputs, 1))  # nothing, where all of them have a row
        if question.elsewhere is None or not left:
            answers = _answers(question, rows, chain(left, inputs))
        else:
            there = partial(source.after, path and path.absolute(), totals.before)
            answers = question.elsewhere(rows, there)
        try:
            for answered in answers:
                output.write(answered.rows if has_header else rows.header + answered.rows)
                has_header = True
                totals.inputs += answered.inputs
                totals.errors += answered.errors
                progress.show(totals.inputs, totals.errors)
        finally:
            answers.close()  # ends its processes
            progress.close()
    return totals


def _count(source: Source, path: Path | None) -> int | None:
    return source.count(path) if sys.stderr.isatty() else None


def _answers(question: Question, rows: Rows, inputs: Iterator[Input]) -> Answers:
    """Answer with as many processes as there are inputs for, which may be none."""
    load = partial(question.load, rows)
    few = list(islice(inputs, _EACH * question.workers))
    workers = min(question.workers, -(-len(few) // (1 if question.remote else _EACH)))
    inputs = chain(few, inputs)
    if question.remote:
        return answer_in_threads(load(), inputs, max(1, workers))
    if workers <= 1:
        return answer_here(load, inputs)
    return answer_in_processes(load, inputs, workers)
