"""The labels of a packed graph: from a file, or in the forms that exporters write."""

from pathlib import Path

import pytest

from app.errors import InvalidBundle
from app.pack.labels import labels_in_metadata, read_labels
from tests.app.pack.graphs import colour_graph
from tests.app.pack.packing import Files

RED = ("red", "green", "blue")
FORMS = {
    "names": "{0: 'red', 1: 'green', 2: 'blue'}",
    "id2label": '{"0": "red", "2": "blue", "1": "green"}',
    "labels": '["red", "green", "blue"]',
    "classes": "['red', 'green', 'blue']",
    "class_names": "('red', 'green', 'blue')",
    "character": "red\ngreen\nblue\n",
}


@pytest.mark.parametrize("key", FORMS)
def test_labels_in_the_metadata(key: str) -> None:
    assert labels_in_metadata({"task": "classify", key: FORMS[key]}) == (key, RED)


@pytest.mark.parametrize(
    "value",
    ["", "red, green", "{0: 'red', 2: 'blue'}", "[1, 2, 3]", "3", "__import__('os')", "[" * 9999,
     "['red', '']", "{0: {}}", "null"],
)  # fmt: skip
def test_other_forms_are_no_labels(value: str) -> None:
    with pytest.raises(InvalidBundle, match=r"--labels is needed.*which has names, task, holds no"):
        labels_in_metadata({"names": value, "task": "detect"})


def test_without_labels_the_metadata_are_used_or_asked_for(files: Files, capsys) -> None:
    plain = colour_graph().SerializeToString()
    assert "--labels is needed" in files.refusal(plain, labels=False)
    named = colour_graph(metadata={"names": FORMS["names"]}).SerializeToString()
    assert files.pack(named, labels=False) == 0
    assert "labels: from the graph's metadata 'names'\n" in capsys.readouterr().out
    assert files.bundle().manifest.labels == RED


def test_the_file_comes_before_the_metadata(files: Files) -> None:
    files.labels.write_text("rot\ngrün\nblau", "utf-8")
    named = colour_graph(metadata={"names": FORMS["names"]}).SerializeToString()
    assert files.pack(named) == 0
    assert files.bundle().manifest.labels == ("rot", "grün", "blau")


@pytest.mark.parametrize(
    "content",
    [
        b"red\ngreen\nblue",
        b"red\r\ngreen\r\nblue\r\n\r\n",
        b"\xef\xbb\xbfred\n green\nblue \n",
    ],
)
def test_ends_of_lines_are_no_part_of_a_label(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    assert read_labels(tmp_path / "labels.txt") == RED


def test_only_a_newline_ends_a_label(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\x0bb\nc\u2028d\n", "utf-8")
    assert read_labels(tmp_path / "labels.txt") == ("a\x0bb", "c\u2028d")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"crane\nmaillot\ncrane\nx\nmaillot\ncrane\n",
         "'crane' on lines 1 and 3 and 6; 'maillot' on lines 2 and 5; write for example 'crane (1"),
        (b"crane\ncrane \n", "'crane' on lines 1 and 2"),
        (b"red\n\nblue\n", "line 2 is empty"),
        (b"red\n", "expected two labels or more, got 1"),
        (b"", "expected two labels or more, got 0"),
        (b"r\xe9d\nblue\n", "expected a text file in UTF-8"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_distinguished_are_refused(
    content: bytes, complaint: str, files: Files
) -> None:
    files.labels.write_bytes(content)
    error = files.refusal(colour_graph().SerializeToString())
    assert f"--labels {files.labels}" in error and complaint in error


def test_labels_twice_in_the_metadata_are_named(files: Files) -> None:
    model = colour_graph(metadata={"names": "['red', 'green', 'red']"}).SerializeToString()
    error = files.refusal(model, labels=False)
    assert "metadata 'names': labels must differ, but 'red' on labels 0 and 2" in error
