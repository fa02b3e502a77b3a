"""The head of a table: its column names, and a sample of its rows by which columns are chosen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from training.data.reading.column_names import FILE_NAMES
from training.data.reading.columns import Head, given_column, has_header
from training.data.reading.tables import Row, Rows, unreadable

_FIRST, _EVERY, _MOST = 1_000, 97, 5_000  # rows of the sample
_LONGEST = 500  # characters of a value in the sample
_LOOKED_UP = 50  # names of files
_FOUND = 0.5  # of them, at least


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table whose head is known. rows: those below the header. count: how many there are."""

    path: Path
    head: Head
    rows: Callable[[], Iterator[Row]]
    count: int
    place: str
    notes: tuple[str, ...]


def with_head(table: Rows) -> OpenTable:
    """Read a table once, and return it with its head; raise `BadData` where it is damaged."""
    try:
        sample, count = _sample(table.rows())
    except (ValueError, OSError) as error:  # a byte that is no character, a page of Parquet
        raise unreadable(table.path, error) from None
    header, rows, notes = table.header, table.rows, table.notes
    if header is None and sample and has_header(sample):
        header = tuple("" if value is None else str(value) for value in sample[0])
        sample, count = sample[1:], count - 1
        rows = lambda: _without_first(table.rows())  # noqa: E731
    elif header is None:
        notes = (*notes, f"{table.name}: the first row is a sample, as it names no columns")
    head = Head(table.name, header, table.width, sample, table.of_bytes, table.of_files)
    return OpenTable(table.path, head, rows, count, table.place, notes)


def file_column(head: Head, folder: Path, wanted: str | None) -> int | None:
    """Return the column whose values are names of files in `folder`, if there is one.

    wanted: the column that a person named, the only one that may be it.
    """
    named = [i for i, name in enumerate(head.folded()) if name in FILE_NAMES]
    columns = [*named, *(i for i in range(head.width) if i not in named)]
    if wanted is not None:
        given = given_column(head, wanted, "--text-column")
        columns = [i for i in columns if i == given]
    for column in columns:
        values = head.values(column)[:_LOOKED_UP]
        found = sum(_is_file(folder, value) for value in values)
        if values and found >= _FOUND * len(values):
            return column
    return None


def _is_file(folder: Path, value: str) -> bool:
    try:
        return len(value) < _LONGEST and "\n" not in value and (folder / value).is_file()
    except (OSError, ValueError):
        return False


def _sample(rows: Iterator[Row]) -> tuple[list[Sequence[Any]], int]:
    """Return the first rows and some of the others, and the number of rows."""
    sample: list[Sequence[Any]] = []
    count = 0
    for _, row in rows:
        if isinstance(row, str):
            continue
        if (count < _FIRST or count % _EVERY == 0) and len(sample) < _MOST:
            sample.append([_shortened(value) for value in row])
        count += 1
    return sample, count


def _shortened(value: Any) -> Any:
    """Return a value that may be long, cut: a text, or what a list or an object looks like."""
    if isinstance(value, str | bytes):
        return value[:_LONGEST]
    return str(value)[:_LONGEST] if isinstance(value, list | tuple | dict) else value


def _without_first(rows: Iterator[Row]) -> Iterator[Row]:
    """Leave out the header, the first row that could be read; rows before it are named."""
    for place, row in rows:
        if not isinstance(row, str):
            break
        yield place, row
    yield from islice(rows, 0, None)
