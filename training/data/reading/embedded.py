"""Pictures and sounds within Parquet: laid out as files, as the content of an archive is unpacked.

Read are columns of bytes, and of objects with `bytes` and `path`, as Hugging Face's data sets store
files. The files lie in a temporary folder, below the name of their table, numbered by row.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.data.reading.column_names import FILE_NAMES, TEXT_NAMES
from training.data.reading.columns import Head, given_column
from training.data.reading.heads import OpenTable
from training.data.reading.tables import Row, unreadable
from training.errors import BadData

_BATCH = 64  # rows, whose files are in memory together
_IN_FOLDER = 10_000  # files
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


def embedded_column(head: Head, wanted: str | None) -> int | None:
    """Return the column that holds a file in each row, if it is what the samples are.

    wanted: the column that a person named, the only one that may be it. Otherwise it is the only
    one, or the only one with a usual name, of a table without a column that has the name of a text.
    """
    if wanted is not None:
        column = given_column(head, wanted, "--text-column")
        return column if column in head.of_files else None
    names = head.folded()
    if any(name in TEXT_NAMES for name in names):
        return None
    usual = [column for column in head.of_files if names[column] in FILE_NAMES]
    found = usual or list(head.of_files)
    return found[0] if len(found) == 1 else None


def with_files(table: OpenTable, column: int, root: Path) -> OpenTable:
    """Return the table with names of files below `root` in the column, each written when it comes.

    Its rows can be read once. They raise `BadData` where a file cannot be written, or a page of the
    table is damaged.
    """

    def rows() -> Iterator[Row]:
        for (place, row), file in zip(table.rows(), _files(table, column), strict=True):
            if isinstance(row, str):
                yield place, row
                continue
            data, suffix = file
            name = None
            if data:
                folder = Path(table.path.name, str(place // _IN_FOLDER))
                name = (folder / f"{place}{suffix}").as_posix()
                _write(root / name, data)
            yield place, [*row[:column], name, *row[column + 1 :]]

    head = replace(table.head, of_bytes=table.head.of_bytes - {column})
    return replace(table, head=head, rows=rows)


def _files(table: OpenTable, column: int) -> Iterator[tuple[bytes, str]]:
    """Yield the content of the file in each row, empty where there is none, and its suffix."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert table.head.header is not None  # that of a Parquet file
    try:
        with pq.ParquetFile(table.path) as file:
            for batch in file.iter_batches(_BATCH, columns=[table.head.header[column]]):
                for value in batch.column(0).to_pylist():
                    yield _content(value)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(table.path, error) from None


def _content(value: Any) -> tuple[bytes, str]:
    if not isinstance(value, dict):
        return value or b"", ""
    suffix = Path(str(value.get("path") or "")).suffix
    return value["bytes"] or b"", suffix if _SUFFIX.fullmatch(suffix) else ""


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise BadData(f"{path} cannot be laid out on disk: {error.strerror or error}") from None
