"""Where rows go: standard output, or a file, to which a later run may add what is missing.

A file holds a row for each of the first inputs, in their order. So a run that was ended in any way
left whole rows, and perhaps the beginning of one, which is removed before the next is added. Rows
are written as they are answered and not flushed to the disk one by one: a power cut may cost some.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from app.cli.predict.inputs import Input
from app.cli.predict.rows import ERROR, FILE, ROW, Columns, Format, may_start, read_row
from app.disk import writing
from app.errors import NotWritten, OperatorError
from app.terminal import printable

_LONGEST_ROW = 2**26  # bytes


@dataclass(slots=True)
class Totals:
    """How many inputs have a row, how many of these an error, and how many rows are of before."""

    inputs: int = 0
    errors: int = 0
    before: int = 0


def written_before(
    path: Path, format: Format, columns: Columns, inputs: Iterator[Input], asked: tuple[str, int]
) -> Totals:
    """Compare a file with the inputs, take those that have a row, and remove half a row.

    asked: the model and its version; 0 for one that is not known. Raises `OperatorError` for a
    file of another run.
    """
    totals, end = Totals(), 0
    with path.open("rb") as file:
        while (line := file.readline(_LONGEST_ROW)).endswith(b"\n"):
            end += len(line)
            number = totals.inputs + 1
            if format == "csv" and end == len(line):
                _check_header(path, line, columns)
                continue
            try:
                row = read_row(line, format, columns)
                _check_row(row, next(inputs, None), asked)
            except OperatorError as error:
                raise OperatorError(f"{path}: row {number}: {error}; name another --out") from None
            totals.inputs += 1
            totals.errors += ERROR in row
    if line:
        if not end and not may_start(line, format, columns):
            raise OperatorError(f"{path}: it is no file of such a run; name another --out")
        os.truncate(path, end)
        print(f"thalamus: {path}: the last row was half written, and is removed", file=sys.stderr)
    totals.before = totals.inputs
    return totals


class Output:
    """Standard output, or a file that no other run writes meanwhile; close it.

    path: None for standard output. add: whether rows may be added to those that are there. Raises
    `NotWritten` for a file with content where none may be added, for one that another run is
    writing, and for whatever the disk refuses.
    """

    def __init__(self, path: Path | None, add: bool) -> None:
        self._path, self._file = path, sys.stdout.buffer
        if path is None:
            return
        with self._writing():
            self._file = path.open("ab")
        if not _lock(self._file):
            self.close()
            raise NotWritten(f"{path}: another run is writing it")
        if not add and path.stat().st_size:
            self.close()
            what = "it is there already; go on with --resume, or name another --out"
            raise NotWritten(f"{path}: {what}")

    def write(self, rows: bytes) -> None:
        """Write whole rows; raise `NotWritten`, or `OSError` for standard output."""
        with self._writing():
            self._file.write(rows)
            self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._path is not None:
            with self._writing():
                self._file.close()

    def _writing(self) -> AbstractContextManager[None]:
        if self._path is None:
            return nullcontext()
        return writing("the answers", self._path.absolute().parent, "name another --out")


def _check_header(path: Path, line: bytes, columns: Columns) -> None:
    names = ",".join(columns.names())
    if line.decode(errors="replace").rstrip("\n") != names:
        raise OperatorError(f"{path}: expected the header {names}; name another --out")


def _check_row(row: object, source: Input | None, asked: tuple[str, int]) -> None:
    assert isinstance(row, dict)
    if source is None:
        raise OperatorError("there is no input for it")
    # A cell of CSV has the name as it is printed.
    if row[FILE] not in (source.name, printable(source.name)) or row.get(ROW) != source.row:
        wanted = source.name if source.row is None else f"row {source.row} of {source.name}"
        raise OperatorError(f"it is about {row[FILE]}, and the input is {wanted}")
    model, version = asked
    if ERROR in row:
        return
    if row.get("model") != model or version not in (0, row.get("version")):
        other = f"{row.get('model')}/{row.get('version')}"
        raise OperatorError(f"it is of {other}, and now {model}/{version or '…'} is asked")


def _lock(file: object) -> bool:
    import fcntl  # POSIX systems have it

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
