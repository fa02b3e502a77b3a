"""The treebank's layout, and its labels node by node."""

import zipfile
from pathlib import Path

import pytest

from app.modalities import Payload
from app.modalities.tree.encoder import TreeEncoder
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import write_treebank
from training.datasets.sentiment_treebank import LABELS, load, node_labels, words
from training.errors import BadData, MissingData


def test_the_archive_and_its_folder_hold_the_same(tmp_path: Path) -> None:
    archive = write_treebank(tmp_path, train=20, dev=5)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    one, other = load(archive), load(tmp_path / "unpacked" / "trees")
    assert one.sha256 == other.sha256
    assert len(one.samples) == 25
    assert sum(sample.fixed == "test" for sample in one.samples) == 5
    assert set(one.counts()) <= set(LABELS)


def test_labels_stand_at_the_encoders_nodes(tmp_path: Path) -> None:
    line = "(3 (2 It) (4 (1 (2 's) (4 good)) (0 .)))"
    (tmp_path / "train.txt").write_text(line + "\n")
    (tmp_path / "dev.txt").write_text(line + "\n")
    sample = load(tmp_path).samples[0]
    assert sample.label == "positive" and words(sample.payload) == ["It", "'s", "good", "."]
    encoder = TreeEncoder(TreeSpec(notation="ptb"), {"vocabulary.txt": b""})
    tree = encoder.encode(sample.payload).context
    assert tree is not None
    named = dict(zip(tree.phrases(), node_labels(sample, {}).tolist(), strict=True))
    assert named == {
        "It": 2,
        "'s": 2,
        "good": 4,
        ".": 0,
        "'s good": 1,
        "'s good .": 4,
        "It 's good .": 3,
    }


def test_words_may_hold_what_python_takes_for_the_end_of_a_line(tmp_path: Path) -> None:
    line = "(3 (2 8\xa01/2\x85x) (4 good))"
    for name in ("train.txt", "dev.txt"):
        (tmp_path / name).write_bytes(f"{line}\n".encode())
    assert words(load(tmp_path).samples[0].payload) == ["8\xa01/2\x85x", "good"]


@pytest.mark.parametrize("line", ["(3 (2 a)", "(7 (2 a) (2 b))", "(x (2 a) (2 b))", "good"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.txt").write_text("(3 (2 a) (2 b))\n" + line)
    (tmp_path / "dev.txt").write_text("")
    with pytest.raises(BadData, match=r"train\.txt:2: "):
        load(tmp_path)


def test_a_folder_without_the_treebank_is_missing_data(tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_bytes(b"PK")
    for path in (tmp_path / "other.zip", tmp_path):
        with pytest.raises(MissingData):
            load(path)


def test_payloads_are_trees(tmp_path: Path) -> None:
    sample = load(write_treebank(tmp_path, train=3, dev=1)).samples[0]
    assert isinstance(sample.payload, Payload) and sample.payload.media_type == "text/x-tree"
