"""An answer, or what is wrong with an input → a row of the output.

Every row has its input's `file` (and `row` within a table), then `model`, `version` and the members
of the answer as the HTTP API writes them, or `error`. Rows are whole lines: what a terminal would
take for a command is escaped, and so is every line break within.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import orjson
from pydantic import BaseModel

from app.cli.predict.inputs import Input
from app.errors import OperatorError
from app.terminal import printable

Format = Literal["table", "jsonl", "csv"]
FILE, ROW, ERROR = "file", "row", "error"
_EXPLANATION = "explanation"
_WIDTHS: Mapping[type, int] = MappingProxyType({float: 8, bool: 3, int: 6})
_TEXT_WIDTH, _LONGEST_NAME = 18, 48  # characters of a cell in a table, and of its first one
_FIRST_NUMBERS = 3  # of a list of numbers that a table shows


@dataclass(frozen=True, slots=True)
class Columns:
    """What the rows of a run have. members: of an answer, with their types.

    in_table: whether the inputs are rows of tables. name_width: characters for the input's name.
    """

    members: Mapping[str, Any]
    in_table: bool = False
    name_width: int = _LONGEST_NAME

    def names(self) -> list[str]:
        """Return the names of all columns, in order."""
        place = [FILE, ROW] if self.in_table else [FILE]
        return [*place, "model", "version", *self.members, ERROR]


class Rows:
    """Writes rows in one format, as bytes with a line break at the end."""

    def __init__(self, format: Format, columns: Columns) -> None:
        self.format, self._columns = format, columns
        self._flat = [name for name, kind in columns.members.items() if _is_flat(kind)]
        self._write: Callable[[Mapping[str, Any]], str] = {
            "jsonl": _json,
            "csv": self._csv,
            "table": self._line,
        }[format]

    @property
    def header(self) -> bytes:
        """The line above the rows; JSON Lines have none."""
        names = self._columns.names()
        if self.format == "jsonl":
            return b""
        if self.format == "csv":
            return _csv_line(names)
        place = [ROW] if self._columns.in_table else []
        return self._cells([FILE, *place, *self._flat], {}).encode()

    def answer(self, source: Input, model: str, version: int, answer: Mapping[str, Any]) -> bytes:
        """Return the row of an answer."""
        return self._row({**_place(source), "model": model, "version": version, **answer})

    def error(self, source: Input, what: str) -> bytes:
        """Return the row of an input that has no answer."""
        return self._row({**_place(source), ERROR: what})

    def _row(self, members: Mapping[str, Any]) -> bytes:
        return self._write(members).encode()

    def _csv(self, members: Mapping[str, Any]) -> str:
        names = self._columns.names()
        return _csv_line([_csv_cell(members.get(name)) for name in names]).decode()

    def _line(self, members: Mapping[str, Any]) -> str:
        place = [FILE, ROW] if self._columns.in_table else [FILE]
        if ERROR in members:
            return self._cells([*place, ERROR], {**members, ERROR: f"error: {members[ERROR]}"})
        return self._cells([*place, *self._flat], members)

    def _cells(self, names: Sequence[str], members: Mapping[str, Any]) -> str:
        cells = [_shown(members.get(name, name if not members else None)) for name in names]
        widths = [self._width(name) for name in names[:-1]]
        line = [f"{cell:{width}}" for cell, width in zip(cells, widths, strict=False)]
        return "  ".join([*line, cells[-1]]).rstrip() + "\n"

    def _width(self, name: str) -> int:
        if name == FILE:
            return self._columns.name_width
        kinds = _leaves(self._columns.members.get(name, int if name == ROW else str))
        usual = next((_WIDTHS[kind] for kind in kinds if kind in _WIDTHS), _TEXT_WIDTH)
        return max(len(name), usual)


def members_of(answer_type: Any, task: str, explains: bool) -> dict[str, Any]:
    """Return the members of an answer in JSON with their types; a list stands under the task."""
    if isinstance(answer_type, type) and issubclass(answer_type, BaseModel):
        fields = {name: field.annotation for name, field in answer_type.model_fields.items()}
        return {name: kind for name, kind in fields.items() if explains or name != _EXPLANATION}
    return {task: answer_type}


def as_members(answer: Any, task: str) -> Mapping[str, Any]:
    """Return an answer in JSON as members of a row."""
    return answer if isinstance(answer, dict) else {task: answer}


def name_width(inputs: Sequence[Input]) -> int:
    """Return the characters for the names of inputs of which these come first."""
    return min(_LONGEST_NAME, max([len(FILE), *(len(each.name) for each in inputs)]))


def may_start(line: bytes, format: Format, columns: Columns) -> bool:
    """Return whether these bytes, without a line break, may be the start of a run's first line."""
    first = _csv_line(columns.names()) if format == "csv" else b'{"%b":"' % FILE.encode()
    size = min(len(line), len(first))
    return line[:size] == first[:size] or not line.strip(b"\0")  # which a power cut may leave


def read_row(line: bytes, format: Format, columns: Columns) -> Mapping[str, Any]:
    """Return the members of a row that was written; raise `OperatorError` if it is none.

    So it does for one whose members show that another task or an explanation was asked for.
    """
    try:
        if format == "csv":
            [cells] = csv.reader([line.decode()])
            row: Any = dict(zip(columns.names(), cells, strict=True))
            row = {name: cell for name, cell in row.items() if cell}
            row |= {name: int(row[name]) for name in (ROW, "version") if name in row}
        else:
            row = orjson.loads(line)
        if not isinstance(row[FILE], str):
            raise ValueError(FILE)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise OperatorError("it is no row of such a run") from error
    if format == "jsonl" and ERROR not in row:  # the header of CSV names the members
        _check_members(row, columns.members)
    return row if isinstance(row, dict) else {}


def _check_members(row: Mapping[str, Any], members: Mapping[str, Any]) -> None:
    # A newer service may have added members, and those that may be None are left out.
    for name, kind in members.items():
        if name not in row and type(None) not in get_args(kind):
            raise OperatorError(f"it has no {name}: it answers another task")
    if _EXPLANATION in row and _EXPLANATION not in members:
        raise OperatorError("it has an explanation, and now none is asked for (--explain)")


def _place(source: Input) -> dict[str, Any]:
    place: dict[str, Any] = {FILE: source.name}
    return place if source.row is None else {**place, ROW: source.row}


def _json(members: Mapping[str, Any]) -> str:
    return printable(orjson.dumps(members).decode()) + "\n"


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else orjson.dumps(value).decode())


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list | tuple) and value and isinstance(value[0], float):
        more = " …" if len(value) > _FIRST_NUMBERS else ""
        return " ".join(f"{number:.4f}" for number in value[:_FIRST_NUMBERS]) + more
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "(none)"
    return "" if value is None else printable(str(value))


def _is_flat(kind: Any) -> bool:
    """Return whether a table has room for values of this type."""
    return not any(isinstance(leaf, type) and issubclass(leaf, BaseModel) for leaf in _leaves(kind))


def _leaves(kind: Any) -> list[Any]:
    parts = get_args(kind)
    return [leaf for part in parts for leaf in _leaves(part)] if parts else [kind]
