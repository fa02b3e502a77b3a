"""What is particular to a format of tables: rows of workbooks, damage, pictures in Parquet."""

import codecs
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data.reading.made import load, table
from tests.training.data.reading.workbook import workbook
from training.data.reading.heads import with_head
from training.data.reading.options import ReadingOptions
from training.data.reading.read import check
from training.data.reading.tables import open_table
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


def stored(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


PICTURES = [{"bytes": bytes([i]) * 9_000, "path": f"{i}.png"} for i in range(40)]
SAID = r"t\.parquet: column.* 'image' .*bytes.*not read.*export them to files"


@pytest.mark.parametrize("values", [PICTURES, [each["bytes"] for each in PICTURES]])
@pytest.mark.parametrize("options", [{}, {"text_column": "image"}, {"label_column": "image"}])
def test_pictures_within_a_table_are_refused(
    tmp_path: Path, values: list[object], options: dict[str, str]
):
    path = stored(tmp_path / "t.parquet", image=values, label=["a", "b"] * 20)
    with pytest.raises(BadData, match=SAID):
        check(path, ReadingOptions(**options))


def test_texts_beside_pictures_within_a_table_are_read(tmp_path: Path):
    texts = [f"some words {i}" for i in range(40)]
    path = stored(tmp_path / "t.parquet", image=PICTURES, text=texts, label=["a", "b"] * 20)
    data = load(path)
    assert [s.payload.data.decode() for s in data.samples] == texts
    assert data.unreadable == []


def test_the_head_of_a_table_keeps_no_long_value(tmp_path: Path):
    inner = [{"url": "x" * 9_000, "sizes": list(range(9_000))}] * 40
    path = stored(tmp_path / "t.parquet", text=["x" * 9_000] * 40, more=inner)
    head = with_head(open_table(path)).head
    assert {len(str(value)) for row in head.sample for value in row} == {500}
