"""Whatever Python's csv module writes is read back; what is written badly is named."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from tests.training.data.reading.made import found, load, table

PIECES = [
    *(
        "good",
        "bad news",
        "a, b",
        "semi; colon",
        "tab\tin",
        "bar | bar",
        'he said "so"',
        '"',
        "it's",
    ),
    *(
        "two\nlines",
        "\r\nmore",
        "  space ",
        "\\",
        "c\\C=C",
        "",
        "Ünïcode 漢字",
        "'quoted'",
        "#",
        "sep=;",
    ),
]


def texts(rng: np.random.Generator, count: int) -> list[str]:
    return [f"text {i} " + " ".join(rng.choice(PIECES, rng.integers(1, 5))) for i in range(count)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_what_csv_writes_is_read_back(tmp_path: Path, seed: int, delimiter: str, quoting: int):
    rng = np.random.default_rng(seed)
    rows = [(text, "ab"[i % 2]) for i, text in enumerate(texts(rng, 30))]
    buffer = io.StringIO()
    end = ["\n", "\r\n"][seed % 2]
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)
    order = [1, 0] if seed % 3 else [0, 1]
    writer.writerow([("text", "label")[i] for i in order])
    writer.writerows([row[i] for i in order] for row in rows)
    data = load(table(tmp_path / "t.csv", buffer.getvalue()))
    assert found(data) == [(label, text) for text, label in rows]
    assert data.unreadable == []


@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_without_quoting_is_read_back(tmp_path: Path, seed: int):
    rng = np.random.default_rng(seed)
    rows = [
        (" ".join(text.replace("\t", " ").split()), "ab"[i % 2])
        for i, text in enumerate(
            ('"' if i % 5 == 0 else "") + t for i, t in enumerate(texts(rng, 40))
        )
    ]
    lines = [f"{text}\t{label}" for text, label in rows]
    data = load(table(tmp_path / "t.tsv", "\n".join(["text\tlabel", *lines])))
    assert found(data) == [(label, text) for text, label in rows]


@pytest.mark.parametrize("label_first", [False, True])
def test_a_stray_quote_swallows_no_rows(tmp_path: Path, label_first: bool):
    """Two quotes far from each other make one text of all that is between, by the rules of CSV."""
    rows = [(f"words number {i}", "ab"[i % 2]) for i in range(30)]
    rows[4] = ('"words number 4', "a")
    rows[20] = ('words number 20"', "a")
    lines = [f"{label},{text}" if label_first else f"{text},{label}" for text, label in rows]
    header = "label,text" if label_first else "text,label"
    data = load(table(tmp_path / "t.csv", "\n".join([header, *lines])))
    assert found(data) == [(label, text) for text, label in rows]
    assert "without quoting" in data.notes[0]


def test_rows_are_named_where_no_reading_fits_all(tmp_path: Path):
    lines = ["text,label", "fine,a", '"open,b', "fine too,b", '"well, said",a', "one, two, three,b"]
    data = load(table(tmp_path / "t.csv", "\n".join(lines)))
    assert found(data) == [("a", "fine"), ("b", "fine too"), ("a", "well, said")]
    assert data.unreadable == [
        "t.csv, line 3 (a quote opens and is not closed as it should be)",
        "t.csv, line 6 (4 fields where the table has 2)",
    ]


def test_poems_are_not_torn(tmp_path: Path):
    """Each of their lines has as many commas as a row, and none is a row."""
    poem = "Roses are red, violets are blue\nsugar is sweet, and so are you"
    rows = [(f"{poem} {i}", "ab"[i % 2]) for i in range(6)] + [("prose", "a"), ("more prose", "b")]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("text", "label"), *rows])
    assert found(load(table(tmp_path / "t.csv", buffer.getvalue()))) == [
        (label, text) for text, label in rows
    ]


def test_backslashes_before_quotes(tmp_path: Path):
    rows = [(f'he said "so" {i}, twice', "ab"[i % 2]) for i in range(9)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    data = load(table(tmp_path / "t.csv", buffer.getvalue()))
    assert found(data) == [(label, text) for text, label in rows]
    assert "with backslashes" in data.notes[0]


def test_single_quotes(tmp_path: Path):
    rows = [(f"words, and more {i}", "ab"[i % 2]) for i in range(9)]
    buffer = io.StringIO()
    csv.writer(buffer, quotechar="'").writerows([("text", "label"), *rows])
    data = load(table(tmp_path / "t.csv", buffer.getvalue()))
    assert found(data) == [(label, text) for text, label in rows]
