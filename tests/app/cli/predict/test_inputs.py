"""Which items the paths of a command line name, and in which order."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.predict.inputs import LARGEST, Input, check_paths, find_inputs
from app.cli.predict.tables import TableReading
from app.errors import InvalidInput, OperatorError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/2.txt", "a/1.txt", "a/c/3.txt", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def names(*paths: object, beside: Path | None = None) -> list[str]:
    return [each.name for each in find_inputs([str(path) for path in paths], None, None, beside)]


def test_a_folder_is_its_files_sorted_without_hidden_ones(folder: Path) -> None:
    found = [str(folder / name) for name in ("a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt")]
    assert names(folder) == found
    assert names(f"{folder}/") == found


def test_paths_keep_their_order_and_their_spelling(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert names("b.txt", "./a/2.txt", "a", "b.txt") == [
        *("b.txt", "./a/2.txt", "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt")
    ]


def test_a_pattern_is_what_it_matches_unless_a_file_has_that_name(folder: Path) -> None:
    assert names(folder / "**" / "*[12].txt") == [str(folder / f"a/{i}.txt") for i in (1, 2)]
    (folder / "[x].txt").write_text("a literal name")
    assert names(folder / "[x].txt") == [str(folder / "[x].txt")]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**", ["a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt"]),
        ("**/**", ["a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt"]),
        ("**/*", ["a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt"]),
        ("**/*.txt", ["a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt"]),
        ("./**/*.txt", ["./a/1.txt", "./a/2.txt", "./a/c/3.txt", "./b.txt"]),
        ("*/**/3.txt", ["a/c/3.txt"]),
        ("**/c/**", ["a/c/3.txt"]),
        ("**/a/**/*.txt", ["a/1.txt", "a/2.txt", "a/c/3.txt"]),
        ("*", ["a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt"]),
        ("a/**.txt", ["a/1.txt", "a/2.txt"]),
    ],
)
def test_a_pattern_names_each_file_once(
    folder: Path, monkeypatch, pattern: str, found: list[str]
) -> None:
    monkeypatch.chdir(folder)
    assert names(pattern) == found


def test_links_that_lead_upwards_are_not_followed_by_a_pattern(folder: Path) -> None:
    for link in ("x", "y", "a/z"):
        (folder / link).symlink_to(folder)
    assert len(names(folder / "**")) == len(names(folder / "**" / "*.txt")) == 4
    with pytest.raises(OperatorError, match="no file matches"):
        check_paths([str(folder / "**" / "*.png")])


@pytest.fixture
def nested(tmp_path: Path, monkeypatch) -> Iterator[int]:
    """Folders in the working one, more than Python nests calls; pytest cannot remove them."""
    depth = 1500
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("f.txt").write_text("x")
    os.chdir(tmp_path)
    yield depth
    for _ in range(depth):
        os.chdir("d")
    Path("f.txt").unlink()
    for _ in range(depth):
        os.chdir("..")
        Path("d").rmdir()


def test_folders_may_be_nested_more_deeply_than_calls(nested: int) -> None:
    assert [name.count("d/") for name in names("d")] == [nested]
    assert [name.count("d/") for name in names("**/*.txt")] == [nested]


@pytest.mark.parametrize("given", [".", "a/*", "**", "a/2.txt"])
def test_the_output_is_no_input(folder: Path, monkeypatch, given: str) -> None:
    monkeypatch.chdir(folder)
    (folder / "other").symlink_to(folder)
    for output in (folder / "a" / "2.txt", Path("a/2.txt"), Path("other/a/2.txt")):
        assert not [name for name in names(given, beside=output) if name.endswith("2.txt")]


def test_linked_files_are_read_and_linked_folders_are_not_followed(folder: Path) -> None:
    (folder / "a" / "circle").symlink_to(folder)
    (folder / "a" / "link.txt").symlink_to(folder / "b.txt")
    (folder / "a" / "itself").symlink_to(folder / "a" / "itself")
    found = find_inputs([str(folder)], None, None, None)
    [link] = [each for each in found if each.name.endswith("link.txt")]
    assert link.read().data == b"b.txt"
    assert len(names(folder)) == 6


def test_a_name_of_other_bytes_is_written_as_text(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9")).write_text("x")
    assert names(folder)[-1].endswith("caf\\xe9")


def test_a_mistyped_path_is_an_error_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_paths([str(folder), str(folder / "nowhere")])
    with pytest.raises(OperatorError, match="no file matches"):
        check_paths([str(folder / "*.png")])
    with pytest.raises(OperatorError, match="read once"):
        check_paths(["-", "-"])


def test_what_cannot_be_read_is_one_bad_item(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("app.cli.predict.inputs.LARGEST", 10)
    (folder / "large").write_bytes(bytes(11))
    os.mkfifo(folder / "pipe")
    found = list(find_inputs([str(folder)], None, None, None))
    (folder / "b.txt").unlink()
    problems = {}
    for each in found:
        try:
            each.read()
        except InvalidInput as error:
            problems[Path(each.name).name] = str(error)
    assert problems == {
        "b.txt": "No such file or directory",
        "large": "expected at most 10 bytes, got 11",
        "pipe": "expected a regular file",
    }


def test_standard_input_is_one_item(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"some text")))
    [found] = find_inputs(["-"], "latin-1", None, None)
    assert found == Input("-", data=b"some text", charset="latin-1")
    assert found.read().media_type == "application/octet-stream"


def test_standard_input_has_a_limit(monkeypatch) -> None:
    monkeypatch.setattr("app.cli.predict.inputs.LARGEST", 3)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"four")))
    [found] = find_inputs(["-"], None, None, None)
    with pytest.raises(InvalidInput, match="at most 3 bytes"):
        found.read()
    assert LARGEST == 2**28


def test_rows_of_tables_are_texts_with_their_numbers(folder: Path) -> None:
    for name in ("1.csv", "2.csv"):
        (folder / name).write_text("text\nfirst\nsecond\n")
    paths = [str(folder / "1.csv"), str(folder / "2.csv")]
    found = list(find_inputs(paths, None, TableReading("text"), None))
    assert [(Path(each.name).name, each.row, each.data) for each in found] == [
        *(("1.csv", 1, b"first"), ("1.csv", 2, b"second")),
        *(("2.csv", 1, b"first"), ("2.csv", 2, b"second")),
    ]
    assert {each.read().media_type for each in found} == {"text/plain"}
