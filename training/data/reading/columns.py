"""Which columns of a table are the text, the label, the group and the split.

What a person names counts. Otherwise a column is chosen where there is no doubt: by a usual name,
or because it is the only one that can be it. Where there is doubt, the columns are listed and the
options named; the choice is said in one line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from training.data.reading.column_names import (
    FILE_NAMES,
    GROUP_NAMES,
    ID_NAMES,
    LABEL_NAMES,
    SPLIT_COLUMN_NAMES,
    TEXT_NAMES,
)
from training.data.reading.options import ReadingOptions
from training.data.reading.splits import part_of
from training.errors import BadData

_NO_GROUP = "none"
_LONGEST_LABEL = 100  # characters
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """The number of each column from 0. data: of the texts or of the files' names."""

    data: int
    label: int
    group: int | None = None
    split: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a table before its columns are chosen.

    header: the names of the columns; None for a table without. sample: some of its rows.
    of_bytes: columns that hold bytes and are not read. of_files: those that hold one file in a row.
    """

    name: str
    header: tuple[str, ...] | None
    width: int
    sample: Sequence[Sequence[Any]]
    of_bytes: frozenset[int] = frozenset()
    of_files: frozenset[int] = frozenset()

    def values(self, column: int) -> list[str]:
        """Return the values of a column in the sample that are not empty."""
        found = (row[column] for row in self.sample)
        return [str(value).strip() for value in found if value is not None and str(value).strip()]

    def called(self, column: int) -> str:
        """Return how messages call a column."""
        return f"column {column + 1}" if self.header is None else f"'{self.header[column].strip()}'"

    def folded(self) -> list[str]:
        """Return the names as they are compared; none where there are none."""
        return [name.strip().casefold() for name in self.header or ()]


def has_header(rows: Sequence[Sequence[Any]]) -> bool:
    """Return whether the first row names the columns.

    It does where it holds a usual name. It does not where a value is empty, a number, there twice,
    or again further down in its column.
    """
    first = ["" if value is None else str(value).strip() for value in rows[0]]
    folded = [value.casefold() for value in first]
    if {"text", "label", *LABEL_NAMES, *TEXT_NAMES, *FILE_NAMES} & set(folded):
        return True
    if len(set(folded)) < len(folded) or any(_is_number(value) for value in first):
        return False
    below = [{str(row[i]).strip() for row in rows[1:]} for i in range(len(first))]
    return not any(value in column for value, column in zip(first, below, strict=True))


def choose_columns(
    head: Head, options: ReadingOptions, data: int | None = None
) -> tuple[Columns, str]:
    """Return the columns and the line that says so; raise `BadData` where there is doubt.

    data: the column of the files' names, where the table is one of files.
    """
    if not head.sample:
        raise BadData(
            f"{head.name}: the table has no row with values; its columns: {_listed(head)}"
        )
    label = given_column(head, options.label_column, "--label-column")
    group = _group(head, options.group_column, label)
    split = given_column(head, options.split_column, "--split-column")
    if split is None:
        split = _split(head, {label, group})
    else:
        _check_split(head, split)
    is_text = data is None
    if data is None:
        data = given_column(head, options.text_column, "--text-column")
    named = _named(head, LABEL_NAMES, {data, group, split}) if label is None else []
    if named:
        label = _by_name(head, LABEL_NAMES, {data, group, split})
    if data is None:
        data = _text(head, {label, group, split})
    if label is None and not named:
        label = _only(head, _is_label, {data, group, split}, finer=True)
    if head.of_bytes and (data is None or {data, label} & head.of_bytes):
        raise _bytes(head)
    if data is None or label is None:
        raise _doubt(head, data, label)
    columns = Columns(data, label, group, split)
    return columns, f"{head.name}: {_said(head, columns, 'text' if is_text else 'file')}"


def _said(head: Head, columns: Columns, what: str) -> str:
    """Return which columns were chosen; raise `BadData` where one would be two things."""
    numbers = {
        what: columns.data,
        "label": columns.label,
        "group": columns.group,
        "split": columns.split,
    }
    used = [number for number in numbers.values() if number is not None]
    if len(set(used)) < len(used):
        said = ", ".join(f"{n} {head.called(i)}" for n, i in numbers.items() if i is not None)
        raise BadData(f"{head.name}: a column cannot be two things: {said}")
    return ", ".join(
        f"the {name} is {head.called(number)}"
        for name, number in numbers.items()
        if number is not None
    )


def given_column(head: Head, wanted: str | None, option: str) -> int | None:
    """Return the column that an option names, by its name or its number from 1."""
    if wanted is None:
        return None
    folded, name = head.folded(), wanted.strip().casefold()
    exact = [i for i, known in enumerate(head.header or ()) if known == wanted]
    found = exact or [i for i, known in enumerate(folded) if known == name]
    if len(found) == 1:
        return found[0]
    if not found and wanted.isdecimal() and 1 <= int(wanted) <= head.width:
        return int(wanted) - 1
    what = "several columns have that name" if found else "there is no such column"
    raise BadData(f"{option} {wanted}: {what} in {head.name}; its columns: {_listed(head)}")


def _named(head: Head, names: Sequence[str], taken: set[int | None]) -> list[int]:
    """Return the columns that have one of the names."""
    return [i for i, name in enumerate(head.folded()) if name in names and i not in taken]


def _by_name(head: Head, names: Sequence[str], taken: set[int | None]) -> int | None:
    """Return the only column that has one of the names, or the one that has the first of them."""
    found, folded = _named(head, names, taken), head.folded()
    if len(found) > 1:
        found = [i for i in found if folded[i] == names[0]] or found
    return found[0] if len(found) == 1 else None


def _group(head: Head, wanted: str | None, label: int | None) -> int | None:
    """Return the column of the groups; `none` switches them off where no column has that name."""
    if wanted is None:
        return _by_name(head, GROUP_NAMES, {label})
    if wanted.strip().casefold() == _NO_GROUP and _NO_GROUP not in head.folded():
        return None
    return given_column(head, wanted, "--group-column")


def _split(head: Head, taken: set[int | None]) -> int | None:
    column = _by_name(head, SPLIT_COLUMN_NAMES, taken)
    if column is None:
        return None
    values = head.values(column)
    return column if values and all(part_of(value) for value in values) else None


def _check_split(head: Head, column: int) -> None:
    """Raise `BadData` where a column that was named holds something else than splits."""
    others = sorted({value for value in head.values(column) if part_of(value) is None})
    if others:
        some = ", ".join(repr(value[:40]) for value in others[:3])
        raise BadData(
            f"--split-column: {head.called(column)} of {head.name} holds {some}; expected train, "
            "validation or test"
        )


def _text(head: Head, taken: set[int | None]) -> int | None:
    """Return the column of the texts, or None where several may be it."""
    if _named(head, TEXT_NAMES, taken):
        return _by_name(head, TEXT_NAMES, taken)
    return _only(head, _is_text, taken)


def _only(
    head: Head,
    may_be: Callable[[Head, int], bool],
    taken: set[int | None],
    *,
    finer: bool = False,
) -> int | None:
    """Return the only column that may be it.

    finer: of a table without names, whose columns divide the samples ever finer, the first is it.
    """
    found = [i for i in range(head.width) if i not in taken and may_be(head, i)]
    if finer and len(found) > 1 and head.header is None and _grow_finer(head, found):
        return found[0]
    return found[0] if len(found) == 1 else None


def _is_text(head: Head, column: int) -> bool:
    """Return whether the values are mostly different and no numbers."""
    values = head.values(column)
    if not values or (head.header and head.folded()[column] in ID_NAMES):
        return False
    numbers = sum(map(_is_number, values))
    return 2 * len(set(values)) > len(values) and 2 * numbers < len(values)


def _is_label(head: Head, column: int) -> bool:
    """Return whether the values are short and come again and again."""
    values = head.values(column)
    if not values or (head.header and head.folded()[column] in ID_NAMES):
        return False
    short = max(map(len, values)) <= _LONGEST_LABEL
    return short and 2 * len(set(values)) <= len(values)


def _grow_finer(head: Head, columns: Sequence[int]) -> bool:
    """Return whether each value of a column stands with one value of the column before only."""
    return all(
        len({(str(row[a]), str(row[b])) for row in head.sample})
        == len({str(row[b]) for row in head.sample})
        for a, b in pairwise(columns)
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _doubt(head: Head, data: int | None, label: int | None) -> BadData:
    if data is None and _holds_numbers_alone(head, label):
        return BadData(
            f"{head.name}: besides labels it holds numbers alone. Tables of measurements are not "
            "learnt; a sample is a text or a file, whose column --text-column names; its columns: "
            f"{_listed(head)}"
        )
    unclear = []
    if data is None:
        unclear.append("the text (--text-column)")
    if label is None:
        unclear.append("the label (--label-column)")
    what = " and which is ".join(unclear)
    return BadData(
        f"{head.name}: it is not clear which column is {what}; its columns: {_listed(head)}"
    )


def _holds_numbers_alone(head: Head, label: int | None) -> bool:
    """Return whether two columns or more hold numbers, and no other one but that of the label."""
    columns = [head.values(i) for i in range(head.width) if i != label]
    numbers = [bool(values) and all(map(_is_number, values)) for values in columns]
    others = len(numbers) - sum(numbers)
    return sum(numbers) > 1 and others <= (label is None)


def _bytes(head: Head) -> BadData:
    called = ", ".join(head.called(column) for column in sorted(head.of_bytes))
    return BadData(
        f"{head.name}: column(s) {called} hold bytes; name the one whose pictures or sounds are "
        "the samples with --text-column. Lists of files are not read: export them to files, one "
        "folder per label"
    )


def _listed(head: Head) -> str:
    names = head.header or tuple(map(str, range(1, head.width + 1)))
    more = ", …" if len(names) > _SHOWN else ""
    listed = ", ".join(name.strip()[:60] for name in names[:_SHOWN]) + more
    return listed if head.header else f"{listed} (numbers: the table names none)"
