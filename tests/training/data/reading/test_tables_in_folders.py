"""Tables that name files, and folders of tables."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data.reading.made import KINDS, fill, load, picture, pictures, table
from training.data.dataset import TEST, TRAIN
from training.data.reading.options import ReadingOptions
from training.data.reading.read import check, modality
from training.errors import BadData


@pytest.mark.parametrize("name", ["metadata.csv", "labels.csv", "anything.tsv"])
def test_a_table_of_file_names_labels_the_files(tmp_path: Path, name: str):
    for i in range(6):
        fill(tmp_path, {f"images/{i}.png": picture(i)})
    fill(tmp_path, {"images/left.png": picture(9)})
    lines = [f"images/{i}.png,{'ab'[i % 2]},s{i % 3}" for i in range(6)]
    text = "\n".join(["file_name,label,speaker", *lines, "images/no.png,a,s1", ",a,s1"])
    table(tmp_path / name, text.replace(",", "\t") if name.endswith("tsv") else text)
    for given in (tmp_path, tmp_path / name):
        data = load(given)
        assert modality(data, KINDS) == "image"
        assert [(s.label, s.group) for s in data.samples] == [
            ("ab"[i % 2], f"s{i % 3}") for i in range(6)
        ]
        assert f"{name}, line 8 (there is no file images/no.png)" in data.unreadable
        assert f"{name}, line 9 (the file is missing)" in data.unreadable
    assert any(line.startswith("images/left.png (no row of") for line in load(tmp_path).unreadable)


def test_metadata_in_the_folders_of_a_split(tmp_path: Path):
    for part, count in (("train", 4), ("test", 2)):
        pictures(tmp_path, part, each=count)
        lines = [f"{i}.png,{'ab'[i % 2]}" for i in range(count)]
        table(tmp_path / part / "metadata.csv", "\n".join(["file_name,label", *lines]))
    data = load(tmp_path)
    assert [(s.name, s.fixed) for s in data.samples] == [
        *((f"test/{i}.png", TEST) for i in range(2)),
        *((f"train/{i}.png", TRAIN) for i in range(4)),
    ]


def test_tables_of_a_folder_are_the_authors_split(tmp_path: Path):
    for name, count in (("train", 12), ("test", 4)):
        pq.write_table(
            pa.table(
                {
                    "text": [f"{name} {i}" for i in range(count)],
                    "label": ["ab"[i % 2] for i in range(count)],
                }
            ),
            fill(tmp_path, {"data/README.md": "x"}) / "data" / f"{name}-00000-of-00001.parquet",
        )
    table(tmp_path / "data" / "unlabelled.csv", "text\nwords\n")
    data = load(tmp_path)
    assert {s.fixed for s in data.samples[:4]} == {TEST}
    assert {s.fixed for s in data.samples[4:]} == {TRAIN} and len(data.samples) == 16
    assert sorted(line.split(" (")[0] for line in data.unreadable) == [
        "data/README.md",
        "unlabelled.csv",
    ]


def test_quantities_of_files_are_no_labels(tmp_path: Path):
    for i in range(60):
        fill(tmp_path, {f"{i}.txt": f"words {i}"})
    lines = "\n".join(f"{i}.txt,{20 + i}" for i in range(60))
    table(tmp_path / "ages.csv", f"filename,age\n{lines}\n")
    for given in (tmp_path, tmp_path / "ages.csv"):
        with pytest.raises(BadData, match=r"60 different numbers.*no regression"):
            check(given, ReadingOptions(label_column="age"))


def test_a_table_that_cannot_be_read_is_named_among_others(tmp_path: Path):
    table(tmp_path / "good.csv", "text,label\none,a\ntwo,b\n")
    table(tmp_path / "empty.csv", "")
    table(tmp_path / "odd.parquet", "words")
    data = load(tmp_path)
    assert [s.label for s in data.samples] == ["a", "b"]
    assert data.unreadable == [
        f"empty.csv ({tmp_path}/empty.csv: the table is empty; its columns: none)",
        f"odd.parquet ({tmp_path}/odd.parquet is not a Parquet file)",
    ]
    (tmp_path / "good.csv").unlink()
    with pytest.raises(BadData, match=r"empty\.csv: the table is empty"):
        load(tmp_path)


@pytest.mark.parametrize("folders", [("notes",), ("notes", "old"), ("train/a", "test/a")])
def test_a_table_of_texts_beside_folders_is_asked_for(tmp_path: Path, folders: tuple[str, ...]):
    for folder in folders:
        fill(tmp_path, {f"{folder}/1.txt": "words"})
    rows = "\n".join(f"some words {i},{'ab'[i % 2]}" for i in range(9))
    table(tmp_path / "reviews.csv", f"review,label\n{rows}\n")
    with pytest.raises(BadData, match=rf"--data {tmp_path}/reviews\.csv"):
        check(tmp_path)
    assert len(load(tmp_path / "reviews.csv").samples) == 9


@pytest.mark.parametrize(
    "content",
    ["id,name\n1,cats\n2,dogs\n", "image_id,label\nx1,a\nx2,b\nx3,a\nx4,b\n", "", "{}\n"],
)
def test_another_table_beside_folders_is_named(tmp_path: Path, content: str):
    pictures(tmp_path, "cats", "dogs")
    table(tmp_path / "classes.csv", content)
    data = load(tmp_path)
    assert data.counts() == {"cats": 3, "dogs": 3}
    assert data.unreadable == ["classes.csv (in no label's folder)"]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_description_in_json_is_no_table(tmp_path: Path, indent: int | None):
    facts = {"default": {"description": "reviews", "splits": {"train": {"num_bytes": 9}}}}
    fill(tmp_path, {"dataset_infos.json": json.dumps(facts, indent=indent), "README.md": "words"})
    rows = pa.table({"text": ["one", "two"], "label": ["a", "b"]})
    path = fill(tmp_path, {"data/x.txt": "x"}) / "data" / "train-00000-of-00001.parquet"
    pq.write_table(rows, path)
    data = load(tmp_path)
    assert [(s.label, s.fixed) for s in data.samples] == [("a", TRAIN), ("b", TRAIN)]
    assert data.unreadable == [
        "README.md (beside tables)",
        "dataset_infos.json (beside tables)",
        "data/x.txt (beside tables)",
    ]
