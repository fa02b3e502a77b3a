"""What is particular to a format of tables: rows of workbooks, damage, pictures in Parquet."""

import codecs
from pathlib import Path

import pytest

from tests.training.data.reading.made import load, table
from tests.training.data.reading.workbook import workbook
from training.data.reading.read import check
from training.errors import BadData


@pytest.mark.parametrize("blank", [0, 3])
def test_rows_of_a_workbook_have_the_numbers_that_it_shows(tmp_path: Path, blank: int):
    rows = [["text", "label"], ["one", "a"], ["", "b"], ["two", "b"]]
    data = load(workbook(tmp_path / "t.xlsx", rows, first=1 + blank))
    assert [s.name for s in data.samples] == [
        f"t.xlsx, row {2 + blank}",
        f"t.xlsx, row {4 + blank}",
    ]
    assert data.unreadable == [f"t.xlsx, row {3 + blank} (the text is missing)"]


GOOD = b'{"text": "words", "label": "a"}\n'


@pytest.mark.parametrize("good", [1, 500, 5_000])
@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.csv"])
def test_a_bad_byte_names_its_table(tmp_path: Path, name: str, good: int):
    rows = b"text,label\n" + b"words,a\n" * good if name == "t.csv" else GOOD * good
    path = table(tmp_path / name, codecs.BOM_UTF8 + rows + b"caf\xe9\n")
    with pytest.raises(BadData, match=rf"{name} is not a readable table: .*0xe9"):
        check(path)
