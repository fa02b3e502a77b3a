"""Tables of text whose fields are divided by a sign: CSV, TSV and what is like them.

The delimiter is the one by which most rows have as many fields as the first. Quotes are read
strictly, as RFC 4180 says. Where that fails and reading every line without quoting gives each the
same number of fields, the file was written without quoting, as many TSV files are. Otherwise a row
that does not fit is named by its line; nothing is repaired.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from training.errors import BadData

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_FIELD = 64_000_000  # characters; the csv module's 131,072 are too few for long texts
_SAMPLE = 1 << 18  # characters by which the delimiter is found
_UNCLOSED = "a quote opens and is not closed as it should be"
_FREQUENT = 2  # times that a value stands in its column
_VALUES = 1_000  # different values of a column that are counted

Record = tuple[int, list[str] | str]  # the line it begins at; its fields, or why it has none


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written. quote: "" where nothing is quoted. skipped: lines before it."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    skipped: int = 0

    def reader(self, lines: Iterable[str]) -> "Iterator[list[str]]":
        """Return a strict reader of the fields of each record."""
        csv.field_size_limit(LONGEST_FIELD)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            doublequote=self.escape is None,
            strict=True,
        )


@dataclass(frozen=True, slots=True)
class Delimited:
    """A table whose dialect is known. width: the fields of a row."""

    path: Path
    charset: str
    dialect: Dialect
    width: int
    suspected: tuple[frozenset[str], ...] = ()

    def records(self) -> Iterator[Record]:
        """Yield each record that is not blank; one with another number of fields has a reason."""
        for line, row in _parsed(self):
            if isinstance(row, list) and len(row) != self.width:
                count = f"{len(row)} field{'s' * (len(row) != 1)}"
                yield line, f"{count} where the table has {self.width}"
            else:
                yield line, row


def delimited(path: Path, charset: str) -> Delimited:
    """Find out how a table is written; raise `BadData` where it has no rows."""
    with path.open(encoding=charset, newline="") as file:
        first = file.readline()
        declared = _declared(first)
        sample = file.read(_SAMPLE) if declared else first + file.read(_SAMPLE)
    lines = sample.splitlines(keepends=True)
    if len(sample) >= _SAMPLE:
        lines = lines[:-1] or lines
    delimiters = [declared] if declared else _by_suffix(path)
    scores = [_score(lines, delimiter) for delimiter in delimiters]
    (_, width), place = max((score, -i) for i, score in enumerate(scores))
    if not any(line.strip() for line in lines):
        raise BadData(f"{path}: the table is empty")
    table = Delimited(path, charset, Dialect(delimiters[-place], skipped=bool(declared)), width)
    return _with_quoting(table)


def _declared(first: str) -> str | None:
    """Return the delimiter that Excel's line `sep=;` declares."""
    line = first.strip("\r\n\ufeff\"'")
    return line[4] if len(line) == 5 and line.lower().startswith("sep=") else None


def _by_suffix(path: Path) -> list[str]:
    """Return the delimiters, first the one that the file's name promises."""
    return sorted(DELIMITERS, key=lambda sign: (sign == "\t") != (path.suffix.lower() == ".tsv"))


def _score(lines: list[str], delimiter: str) -> tuple[float, int]:
    """Return the share of rows with the expected number of fields, if above one, and that number.

    Expected is the number of the first row, or the commonest where hardly any row has that of the
    first.
    """
    best = (0.0, 1)
    for quote, escape in (('"', None), ('"', "\\"), ("'", None), ("", None)):
        rows = [row for _, row in _records(lines, Dialect(delimiter, quote, escape), 1, ())]
        counts = Counter(len(row) for row in rows if isinstance(row, list))
        if not counts or not isinstance(rows[0], list):
            continue
        width, total = len(rows[0]), len(rows)
        if 4 * counts[width] < total:
            width = counts.most_common(1)[0][0]
        if width > 1:
            best = max(best, (round(counts[width] / total, 3), width))
    return best


def _with_quoting(table: Delimited) -> Delimited:
    """Return the table with the quoting by which every row fits, or else with double quotes."""
    if _fits(table, multiline=False):
        return table
    table = replace(table, suspected=_frequent(table))
    if _fits(table):
        return table
    plain = replace(table, dialect=replace(table.dialect, quote=""))
    plain_fits = _fits(plain)
    dialects = replace(table.dialect, escape="\\"), replace(table.dialect, quote="'")
    for found in (replace(table, dialect=dialect) for dialect in dialects):
        if (not plain_fits or _mostly_quoted(found)) and _fits(found):
            return found
    return plain if plain_fits else table


def _mostly_quoted(table: Delimited) -> bool:
    """Return whether more than half of the lines have a field that begins and ends with a quote."""
    quote, delimiter = table.dialect.quote, table.dialect.delimiter
    quoted = total = 0
    with table.path.open(encoding=table.charset, newline="") as file:
        for line in islice(file, table.dialect.skipped, None):
            fields = line.rstrip("\r\n").split(delimiter)
            quoted += any(len(x) > 1 and x[0] == x[-1] == quote for x in fields)
            total += 1
    return 2 * quoted > total


def _fits(table: Delimited, *, multiline: bool = True) -> bool:
    """Return whether every row has all fields, and, unless `multiline`, stands on one line."""
    return all(
        isinstance(row, list) and (multiline or not any(map(_is_multiline, row)))
        for _, row in table.records()
    )


def _is_multiline(value: str) -> bool:
    return "\n" in value or "\r" in value


def _frequent(table: Delimited) -> tuple[frozenset[str], ...]:
    """Return for each column the values that several rows of one line each have."""
    counts: list[Counter[str]] = [Counter() for _ in range(table.width)]
    for _, row in table.records():
        if isinstance(row, list) and not any(map(_is_multiline, row)):
            for count, value in zip(counts, row, strict=True):
                if value in count or len(count) < _VALUES:
                    count[value] += 1
    return tuple(
        frozenset(v for v, times in count.items() if v and times >= _FREQUENT) for count in counts
    )


def _parsed(table: Delimited) -> Iterator[Record]:
    skipped = table.dialect.skipped
    suspected = table.suspected if table.dialect.quote else ()
    with table.path.open(encoding=table.charset, newline="") as file:
        yield from _records(islice(file, skipped, None), table.dialect, skipped + 1, suspected)


class _Lines:
    """Lines that can be given back: those that were read since the record began."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._again = iter(lines), list[str]()
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Give back all lines of the record but its first."""
        self._again += self.taken[:0:-1]
        self.taken = self.taken[:1]


def _records(
    lines: Iterable[str], dialect: Dialect, number: int, suspected: tuple[frozenset[str], ...]
) -> Iterator[Record]:
    """Yield the records; after one whose quoting fails, go on with the line that follows it."""
    source = _Lines(lines)
    reader = dialect.reader(source)
    while True:
        source.taken.clear()
        row: list[str] | str
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = _UNCLOSED
        if len(source.taken) > 1 and suspected and _swallowed(source.taken, dialect, suspected):
            row = _UNCLOSED
        if row == _UNCLOSED:
            source.give_back()
            reader = dialect.reader(source)
        if row:
            yield number, row
        number += len(source.taken)


def _swallowed(lines: list[str], dialect: Dialect, suspected: tuple[frozenset[str], ...]) -> bool:
    """Return whether a record of several lines is several rows that a stray quote holds together.

    So it is where each line has the fields of a whole row, and each line within the quotes a value
    that other rows have in the same column, such as their label. Of the first line only what
    follows the quote is within, of the last line what precedes it.
    """
    split = [line.rstrip("\r\n").split(dialect.delimiter) for line in lines]
    if any(len(fields) != len(suspected) for fields in split):
        return False
    known = [
        [value in values for value, values in zip(fields, suspected, strict=True)]
        for fields in split
    ]
    quote = dialect.quote
    opening = next(
        (i for i, x in enumerate(split[0]) if x == quote or x[:1] == quote != x[-1:]),
        len(suspected),
    )
    closing = next((i for i, x in enumerate(split[-1]) if x[-1:] == quote), 0)
    at_ends = any(known[0][opening + 1 :]) or any(known[-1][:closing])
    return at_ends and all(map(any, known[1:-1]))
