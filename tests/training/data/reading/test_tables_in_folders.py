"""Tables that name files, and folders of tables."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data.reading.made import KINDS, fill, load, picture, pictures, table
from training.data.dataset import TEST, TRAIN
from training.data.reading.read import modality


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
