"""Tables of every format as rows: CSV and the like, JSON Lines, JSON, Parquet, Excel.

Rows are read anew each time that they are asked for, so a table is never in memory as a whole (but
a `.json` array and an Excel sheet, which cannot be read in parts).
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from training.data.reading.charset import NoText, charset_of
from training.data.reading.delimited import DELIMITERS, delimited
from training.data.reading.names import JSON_LINES, SHEETS
from training.errors import BadData

Row = tuple[int, Sequence[Any] | str]  # its place in the table; its values, or why it has none

_LARGEST_SHEET = 2_000_000_000  # bytes of an unpacked workbook
_LOOKED_AT = 1_000  # objects by which the columns are found
_BATCH = 4_096  # rows


@dataclass(frozen=True, slots=True)
class Rows:
    """A table before its columns are known.

    header: the names of the columns; None where the first row may or may not name them. width: the
    number of columns. place: what `rows` counts. notes: how the table was read. of_bytes: columns
    that hold bytes, as pictures within Parquet; their values are None here. of_files: those of them
    that hold one file in each row.
    """

    path: Path
    header: tuple[str, ...] | None
    width: int
    rows: Callable[[], Iterator[Row]]
    place: str = "line"
    notes: tuple[str, ...] = ()
    of_bytes: frozenset[int] = frozenset()
    of_files: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """How messages name the table."""
        return self.path.name


def open_table(path: Path) -> Rows:
    """Return the rows of a table; raise `BadData` where it is none."""
    try:
        return _opened(path)
    except UnicodeError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> BadData:
    """Return the error for a table that cannot be read on."""
    return BadData(f"{path} is not a readable table: {error}")


def _opened(path: Path) -> Rows:
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise BadData(f"{path}: the table is empty; its columns: none")
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if suffix in SHEETS:
        return _sheet(path)
    if suffix == ".parquet":
        raise BadData(f"{path} is not a Parquet file")
    if suffix in (*JSON_LINES, ".json"):
        return _json(path)
    return _delimited(path)


def _delimited(path: Path) -> Rows:
    try:
        charset = charset_of(path)
        table = delimited(path, charset)
    except NoText:
        raise BadData(
            f"{path}: expected a folder, a table (.csv, .tsv, .jsonl, .parquet, .xlsx) or an "
            "archive (.zip, .tar, .tar.gz)"
        ) from None
    dialect = table.dialect
    sign = DELIMITERS.get(dialect.delimiter, repr(dialect.delimiter))
    how = "without quoting, so that quotes are part of the texts"
    if dialect.quote:
        how = f"quoted by {dialect.quote}"
    if dialect.escape:
        how += " with backslashes"
    note = f"{path.name}: {sign} between {table.width} columns, {how}; {_charset_note(charset)}"
    return Rows(path, None, table.width, table.records, notes=(note,))


def _charset_note(charset: str) -> str:
    stated = charset.startswith("utf-8") or charset in ("utf-16", "utf-32")
    return charset if stated else f"read as {charset}; if letters are wrong, save it as UTF-8"


def _json(path: Path) -> Rows:
    charset = charset_of(path)
    with path.open(encoding=charset) as file:
        is_array = file.read(64).lstrip("\ufeff \r\n\t").startswith("[")
    if is_array and path.suffix.lower() == ".json":
        objects = _array(path, charset)
        return _of_objects(path, lambda: iter(objects), "object", charset)
    return _of_objects(path, lambda: _objects(path, charset), "line", charset)


def _array(path: Path, charset: str) -> list[tuple[int, Any]]:
    try:
        found = json.loads(path.read_text(encoding=charset).lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path} is not readable JSON: {error}") from None
    return list(enumerate(found, 1))


def _objects(path: Path, charset: str) -> Iterator[tuple[int, Any]]:
    """Yield each line that is not blank, parsed; None for one that is not JSON."""
    with path.open(encoding=charset, newline="\n") as file:
        for number, line in enumerate(file, 1):
            stripped = line.lstrip("\ufeff").strip()
            if stripped:
                try:
                    yield number, orjson.loads(stripped)
                except orjson.JSONDecodeError:
                    yield number, None


def _of_objects(
    path: Path, objects: Callable[[], Iterator[tuple[int, Any]]], place: str, charset: str
) -> Rows:
    names: dict[str, None] = {}
    for _, found in islice(objects(), _LOOKED_AT):
        if isinstance(found, dict):
            names.update(dict.fromkeys(found))
    header = tuple(names)

    def rows() -> Iterator[Row]:
        for number, found in objects():
            if isinstance(found, dict):
                yield number, [found.get(name) for name in header]
            else:
                yield number, "not a JSON object"

    note = f"{path.name}: JSON, {len(header)} columns; {_charset_note(charset)}"
    return Rows(path, header, len(header), rows, place, (note,))


def _parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise BadData(f"{path} is not a readable Parquet file: {error}") from None
    names = _class_names(schema.metadata or {})
    of_bytes = frozenset(i for i, field in enumerate(schema) if _holds_bytes(field.type))
    of_files = frozenset(i for i, field in enumerate(schema) if _holds_file(field.type))
    wanted = [name for i, name in enumerate(schema.names) if i not in of_bytes]

    def rows() -> Iterator[Row]:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=wanted if of_bytes else None):
                read = iter(batch.columns)
                columns = [
                    [None] * batch.num_rows
                    if i in of_bytes
                    else [_named(value, names.get(field.name)) for value in next(read).to_pylist()]
                    for i, field in enumerate(schema)
                ]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield number, values

    note = f"{path.name}: Parquet, {len(schema)} columns"
    header = tuple(schema.names)
    return Rows(path, header, len(schema), rows, "row", (note,), of_bytes, of_files)


def _holds_bytes(kind: Any) -> bool:
    """Return whether a type of Arrow is bytes, or a struct or list of what holds them."""
    return _is_bytes(kind) or any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _holds_file(kind: Any) -> bool:
    """Return whether a type of Arrow is bytes, or a struct with a member `bytes`."""
    from pyarrow import types

    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_bytes(kind.field(place).type)
    return _is_bytes(kind)


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    are_bytes = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(is_it(kind) for is_it in are_bytes)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the numbers in a column, as Hugging Face's data sets store them."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _named(value: Any, names: list[str] | None) -> Any:
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return value


def _sheet(path: Path) -> Rows:
    import python_calamine

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > _LARGEST_SHEET:
            raise BadData(f"{path}: the workbook unpacks to {size:,} bytes; save it as CSV")
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheets = book.sheet_names
        sheet = book.get_sheet_by_index(0)
    except Exception as error:  # calamine's, of several types
        raise BadData(f"{path} is not a readable workbook: {error}") from None
    width = sheet.width

    def rows() -> Iterator[Row]:
        for number, values in enumerate(sheet.iter_rows(), 1):  # also those above the first cell
            if any(value != "" for value in values):
                yield number, [_whole(value) for value in values]

    more = f", the first of {len(sheets)} sheets" if len(sheets) > 1 else ""
    note = f"{path.name}: sheet {sheets[0]!r}{more}, {width} columns"
    return Rows(path, None, width, rows, "row", (note,))


def _whole(value: Any) -> Any:
    """Return a whole number as int: a workbook has only floating-point numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
