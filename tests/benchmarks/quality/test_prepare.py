"""A set lies on disk as its users have it, training and test apart."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.quality.prepare import DIGESTS, pinned, prepare
from benchmarks.quality.sets import SETS
from benchmarks.quality.splits import Item, divide, text_key
from tests.benchmarks.quality.made import quality_set, texts
from training.errors import BadData

AWKWARD = 'two lines\r\nand "quotes", a comma; \ttabs '


def test_texts_become_two_tables_with_the_same_texts(tmp_path: Path) -> None:
    items = [*texts(), Item(text_key(AWKWARD), "good", AWKWARD.encode(), ".txt")]
    prepared = prepare(quality_set(items), tmp_path)
    split = divide(items)
    for part, wanted in (("train", split.train), ("test", split.test)):
        found = prepared.samples("train" if part == "train" else "test")
        assert [(s.text, s.label) for s in found] == [(i.content.decode(), i.label) for i in wanted]
        with (tmp_path / "toy" / f"{part}.csv").open(newline="") as table:
            assert next(csv.reader(table)) == ["text", "label"]


def test_files_become_a_folder_for_each_label(tmp_path: Path) -> None:
    items = [Item(i.key, i.label, i.content, ".wav") for i in texts()]
    prepared = prepare(quality_set(items, "sound"), tmp_path)
    split = divide(items)
    for part, wanted in (("train", split.train), ("test", split.test)):
        paths = sorted((tmp_path / "toy" / part).rglob("*.wav"))
        assert Counter(path.parent.name for path in paths) == Counter(i.label for i in wanted)
        assert {path.read_bytes() for path in paths} == {item.content for item in wanted}
    assert prepared.facts.train == len(split.train)
    assert prepared.facts.digest == split.digest


def test_copies_in_a_prescribed_test_stay_two_files(tmp_path: Path) -> None:
    items = [Item(i.key, i.label, i.content, ".png", "test") for i in texts(4)]
    items += [Item(i.key, i.label, i.content, ".png", "train") for i in texts(20)[4:]]
    prepared = prepare(quality_set([*items, items[0]], "picture"), tmp_path)
    assert len(prepared.samples("test")) == prepared.facts.test == 5


def test_a_prepared_set_is_not_read_again(tmp_path: Path) -> None:
    first = prepare(quality_set(texts()), tmp_path)
    again = prepare(quality_set([]), tmp_path)
    assert again == first


def test_a_part_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    prepare(quality_set(texts()), tmp_path)
    (tmp_path / "toy" / "facts.json").unlink()
    (tmp_path / "toy" / "train.csv").write_text("text,label\nhalf")
    assert len(prepare(quality_set(texts()), tmp_path).samples("train")) > 100


def test_a_part_with_one_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="toy: its train part"):
        prepare(quality_set([item for item in texts() if item.label == "good"]), tmp_path)


def test_the_repository_names_the_split_of_every_set() -> None:
    digests = {each.name: pinned(each.name) for each in SETS}
    assert all(digest and len(digest) == 64 for digest in digests.values()), DIGESTS
    assert len(set(digests.values())) == len(SETS) >= 11
