"""What is particular to a format of tables: rows of workbooks, damage, pictures in Parquet."""

import codecs
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data.reading.made import KINDS, fill, load, picture, table
from tests.training.data.reading.workbook import workbook
from tests.training.samples import wav
from training.data.dataset import TEST, TRAIN, Dataset
from training.data.reading.heads import with_head
from training.data.reading.options import ReadingOptions
from training.data.reading.read import check, modality
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


PICTURES = [{"bytes": picture(i), "path": f"{i}.png"} for i in range(40)]
CONTENTS = [each["bytes"] for each in PICTURES]
LABELS = ["a", "b"] * 20


def as_files(folder: Path) -> Dataset:
    """The same pictures, one folder per label."""
    for number, (data, label) in enumerate(zip(CONTENTS, LABELS, strict=True)):
        fill(folder, {f"{label}/{number}.png": data})
    return load(folder)


@pytest.mark.parametrize("values", [PICTURES, CONTENTS], ids=["structs", "bytes"])
@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({}, {}),
        ({"mask": CONTENTS[::-1]}, {}),
        ({"text": ["some words"] * 40}, {"text_column": "image"}),
    ],
)
def test_pictures_within_a_table_are_those_of_files(
    tmp_path: Path, values: list[object], more: dict[str, list[object]], options: dict[str, str]
):
    data = load(stored(tmp_path / "t.parquet", image=values, label=LABELS, **more), **options)
    assert data.sha256 == as_files(tmp_path / "files").sha256
    assert [s.payload.data for s in data.samples] == CONTENTS
    assert modality(data, KINDS) == "image"
    assert data.unreadable == []
    assert data.samples[4].name.startswith("t.parquet/0/5")


def test_sounds_within_a_table_are_read(tmp_path: Path):
    sounds = [wav(np.sin(np.arange(1600) * (1 + i))) for i in range(4)]
    data = load(stored(tmp_path / "t.parquet", audio=sounds, label=["a", "b"] * 2))
    assert [s.payload.data for s in data.samples] == sounds
    assert modality(data, KINDS) == "audio"


def test_pictures_of_several_tables_keep_the_authors_split_and_names_of_labels(tmp_path: Path):
    features = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for part, places in (("train", range(30)), ("test", range(30, 40))):
        columns = {"image": [PICTURES[i] for i in places], "label": [i % 2 for i in places]}
        made = pa.table(columns).replace_schema_metadata(metadata)
        path = tmp_path / "data" / f"{part}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(made, path)
    data = load(tmp_path)
    assert data.counts() == {"cat": 20, "dog": 20}
    assert [s.fixed for s in data.samples] == [TEST] * 10 + [TRAIN] * 30


def test_a_row_without_a_picture_and_what_is_none_are_named(tmp_path: Path):
    values = [
        *PICTURES[:37],
        None,
        {"bytes": None, "path": "38.png"},
        {"bytes": b"\0", "path": None},
    ]
    data = load(stored(tmp_path / "t.parquet", image=values, label=LABELS))
    assert len(data.samples) == 37
    assert sorted(data.unreadable) == [
        "t.parquet, row 38 (the file is missing)",
        "t.parquet, row 39 (the file is missing)",
        "t.parquet/0/40 (neither image, sound nor text)",
    ]


def test_a_table_of_texts_beside_tables_of_pictures_is_named(tmp_path: Path):
    stored(tmp_path / "a.parquet", image=PICTURES, label=LABELS)
    table(tmp_path / "b.csv", "text,label\nsome words,a\n")
    data = load(tmp_path)
    assert len(data.samples) == 40
    assert data.unreadable == ["b.csv (a table without files, beside tables with files)"]


@pytest.mark.parametrize(
    ("values", "options"),
    [(CONTENTS, {}), ([[each] for each in CONTENTS], {}), (CONTENTS, {"label_column": "image"})],
)
def test_bytes_of_which_none_is_clearly_the_sample_are_refused(
    tmp_path: Path, values: list[object], options: dict[str, str]
):
    path = stored(tmp_path / "t.parquet", image=values, img=values, label=LABELS)
    with pytest.raises(BadData, match=r"column.* 'image', 'img' .*bytes.*--text-column"):
        check(path, ReadingOptions(**options))


def test_a_damaged_page_of_pictures_names_the_table(tmp_path: Path):
    path = stored(tmp_path / "t.parquet", image=CONTENTS, label=LABELS)
    data = bytearray(path.read_bytes())
    data[1000:3000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(BadData, match=r"t\.parquet is not a readable table"):
        check(path)


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
