"""A column of a Parquet file: the rows of the same table in CSV."""

import csv
import json
from pathlib import Path

import pytest

from tests.app.commands import one_line, run

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
TEXTS = ["good day", "an awful, bad\nday", "fine", "sorry", "the day is good"]


def rows(capsys, *words: object) -> list[dict]:
    more = ("--text-column", "text", "--format", "jsonl", "--workers", 1)
    status, out, err = run(capsys, "predict", *words, *more)
    assert status == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    return [{name: row[name] for name in row if name != "file"} for row in found]


def test_parquet_gives_the_rows_of_csv(capsys, published: Path, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "id"], *([text, 1] for text in TEXTS)])
    for kind in (pyarrow.string(), pyarrow.large_string()):
        column = pyarrow.array(TEXTS, kind)
        table = pyarrow.table({"id": [1] * len(TEXTS), "text": column})
        parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
        expected = rows(capsys, published / "moods", tmp_path / "a.csv")
        assert rows(capsys, published / "moods", tmp_path / "a.parquet") == expected
    coded = table.set_column(1, "text", table["text"].combine_chunks().dictionary_encode())
    parquet.write_table(coded, tmp_path / "a.parquet")
    assert rows(capsys, published / "moods", tmp_path / "a.parquet") == expected


def test_a_value_that_is_no_text_is_a_bad_row(capsys, published: Path, tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"text": ["good", None]}), tmp_path / "a.parquet")
    given = (published / "moods", tmp_path / "a.parquet", "--text-column", "text")
    status, out, _ = run(capsys, "predict", *given, "--format", "jsonl")
    assert status == 1
    assert json.loads(out.splitlines()[1])["error"] == "expected a text in 'text', got nothing"


def test_what_cannot_be_read_is_one_line(capsys, published: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"texts": ["good"]}), path)
    given = ("predict", published / "moods", path, "--text-column", "text")
    line = one_line(capsys, *given)
    assert "no column 'text' in it (did you mean texts?); it has texts" in line
    assert "which has texts in UTF-8 only" in one_line(capsys, *given, "--charset", "latin-1")
    path.write_bytes(path.read_bytes()[:-6])
    assert "this Parquet file cannot be read" in one_line(capsys, *given)
