"""The texts of a column of a table: CSV, TSV, JSON Lines or Parquet, as a stream.

The content decides which: objects are JSON Lines, Parquet has its mark (`app.cli.predict.parquet`),
anything else has a header of names. Its cells are separated by commas, semicolons or tabs,
whichever gives the column. Cells may be quoted with double quotes, and quoted cells may have
several lines. Empty lines are no rows; a value that is no text is a bad row.

Not read: Excel, archives, tables without a header, lines over `LONGEST_LINE`, nested members of
JSON, pictures or sounds named by a column (give their files instead).
"""

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from app.cli.predict.parquet import MARK, parquet_values
from app.command_line import nearest
from app.errors import InvalidInput, OperatorError
from app.modalities.charset import charset_of_start

LONGEST_LINE = 2**24  # characters
_SEPARATORS = ",;\t"
_HEAD = 4096  # bytes by which the content decides
_RAW = "surrogateescape"  # bytes that do not decode are refused where their text is encoded
Text = bytes | InvalidInput


class _TooLong(Exception):
    pass


@dataclass(frozen=True, slots=True)
class TableReading:
    """column: the name of the column, or the member of JSON Lines, that holds the texts.

    charset: of a table without a byte order mark; None: UTF-8.
    """

    column: str
    charset: str | None = None


def read_rows(name: str, file: BinaryIO, reading: TableReading) -> Generator[Text, None, None]:
    """Yield the text of each row in UTF-8, or what is wrong with the row.

    Raises `OperatorError` where no row can be read: no such column, or an unknown charset.
    """
    head = file.peek(_HEAD)[:_HEAD] if isinstance(file, io.BufferedReader) else b""
    if head.startswith(MARK):
        if reading.charset is not None:
            raise OperatorError(f"--charset: {name} is Parquet, which has texts in UTF-8 only")
        for value in parquet_values(name, file, reading.column):
            yield _text(value, reading.column)
        return
    try:
        charset = charset_of_start(head, reading.charset)
    except InvalidInput as error:
        raise OperatorError(f"--charset: {error}") from None
    decoded = io.TextIOWrapper(file, charset, errors=_RAW, newline="")
    try:
        if head.decode(charset, errors="ignore").lstrip().startswith("{"):
            yield from _json_lines(decoded, reading.column)
        else:
            yield from _cells(name, decoded, reading.column)
    except _TooLong:
        what = f"a line of more than {LONGEST_LINE} characters; the rest is not read"
        yield InvalidInput(what)
    finally:
        decoded.detach()  # the file is the caller's


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise _TooLong
        yield line


def _json_lines(file: io.TextIOWrapper, column: str) -> Iterator[Text]:
    for line in _lines(file):
        if line.strip():
            yield _member(line, column)


def _member(line: str, column: str) -> Text:
    try:
        found = orjson.loads(line.encode(errors=_RAW))
    except orjson.JSONDecodeError as error:
        return InvalidInput(f"expected a JSON object in UTF-8 ({error.msg})")
    if not isinstance(found, dict):
        return InvalidInput("expected a JSON object")
    return _text(found.get(column), column)


def _text(value: object, column: str) -> Text:
    if isinstance(value, str):
        return value.encode()
    kind = "nothing" if value is None else type(value).__name__
    return InvalidInput(f"expected a text in {column!r}, got {kind}")


def _cells(name: str, file: io.TextIOWrapper, column: str) -> Iterator[Text]:
    csv.field_size_limit(LONGEST_LINE)
    lines = _lines(file)
    first = next((line for line in lines if line.strip()), "")
    separator, place = _column(name, first, column)
    rows = csv.reader(lines, delimiter=separator)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:  # the next line is read as a new row
            yield InvalidInput(f"this is no row of a table ({error})")
            continue
        if cells:
            yield _cell(cells, place, column)


def _cell(cells: Sequence[str], place: int, column: str) -> Text:
    if place >= len(cells):
        return InvalidInput(f"the row has {len(cells)} cells, and none for {column!r}")
    return cells[place].encode(errors=_RAW)


def _column(name: str, header: str, column: str) -> tuple[str, int]:
    """Return the separator of a header with this column, and the column's place."""
    names: list[str] = []
    for separator in _SEPARATORS:
        try:
            found = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            continue
        found = [cell.strip() for cell in found]
        if column in found:
            return separator, found.index(column)
        names = max(names, found, key=len)
    shown = ", ".join(names[:20]) or "nothing"
    raise OperatorError(
        f"{name}: no column {column!r} in its header{nearest(column, names)}; it has {shown}"
    )
