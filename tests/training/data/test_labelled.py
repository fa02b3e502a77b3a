"""Anyone's folder or table."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.training.samples import png, wav
from training.data import labelled
from training.errors import BadData, MissingData
from training.modalities import TRAINING_MODALITIES

KINDS = tuple(TRAINING_MODALITIES.values())
load, modality = partial(labelled.load, kinds=KINDS), partial(labelled.modality, kinds=KINDS)
PICTURE = png(np.zeros((4, 4, 3), np.uint8))
SOUND = wav(np.zeros(800))


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def table(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def found(data) -> list[tuple[str, str]]:
    return [(s.label, s.payload.data.decode()) for s in data.samples]


@pytest.mark.parametrize(
    ("suffix", "content", "kind"),
    [
        (".png", PICTURE, "image"),
        (".JPG", PICTURE, "image"),
        (".webp", PICTURE, "image"),
        (".wav", SOUND, "audio"),
        (".flac", SOUND, "audio"),
        (".ogg", SOUND, "audio"),
        (".mp3", SOUND, "audio"),
        (".txt", b"words", "text"),
        (".md", b"words", "text"),
        (".html", b"<p>words</p>", "text"),
    ],
)
def test_modality_follows_the_file_names(tmp_path: Path, suffix: str, content: bytes, kind: str):
    data = load(fill(tmp_path, {f"a/1{suffix}": content, f"b/2{suffix}": content}))
    assert modality(data) == kind
    assert [(s.name, s.label) for s in data.samples] == [
        (f"a/1{suffix}", "a"),
        (f"b/2{suffix}", "b"),
    ]
    assert data.samples[0].payload.data == content


def test_a_label_may_have_folders_of_its_own(tmp_path: Path):
    data = load(fill(tmp_path, {"cats/2024/may/tom.png": PICTURE}))
    assert [(s.name, s.label) for s in data.samples] == [("cats/2024/may/tom.png", "cats")]


def test_hidden_files_and_folders_are_skipped(tmp_path: Path):
    files = {
        "cats/tom.png": PICTURE,
        "cats/.DS_Store": b"",
        "cats/.thumbnails/tom.png": PICTURE,
        ".git/x.png": PICTURE,
        ".notes.txt": b"",
    }
    data = load(fill(tmp_path, files))
    assert [s.name for s in data.samples] == ["cats/tom.png"]
    assert data.unreadable == []


def test_a_hidden_parent_folder_hides_nothing(tmp_path: Path):
    data = load(fill(tmp_path / ".private" / "pets", {"cats/tom.png": PICTURE}))
    assert len(data.samples) == 1


def test_unusable_files_are_listed(tmp_path: Path):
    files = {"cats/tom.png": PICTURE, "cats/list.xlsx": b"", "cats/clip.mp4": b"", "x.png": PICTURE}
    (tmp_path / "dogs").mkdir()
    data = load(fill(tmp_path, files))
    assert data.unreadable[0] == "cats/clip.mp4 (neither image, sound nor text by its name)"
    assert [line.split(" (")[0] for line in data.unreadable] == [
        "cats/clip.mp4",
        "cats/list.xlsx",
        "dogs/",
        "x.png",
    ]


def test_mixed_kinds_are_refused_with_their_numbers(tmp_path: Path):
    data = load(fill(tmp_path, {"a/1.png": PICTURE, "a/2.png": PICTURE, "b/1.txt": b"words"}))
    with pytest.raises(BadData, match="found 2 image, 1 text"):
        modality(data)


def test_an_empty_folder_says_what_is_expected(tmp_path: Path):
    with pytest.raises(BadData, match="one sub-folder per label"):
        load(tmp_path)


def test_folders_without_a_usable_file_say_so(tmp_path: Path):
    data = load(fill(tmp_path, {"a/1.xlsx": b"", "b/2.xlsx": b""}))
    with pytest.raises(BadData, match=r"no image, sound or text found; not usable: a/1\.xlsx"):
        modality(data)


def test_a_folder_name_that_is_no_text_is_refused(tmp_path: Path):
    folder = Path(f"{tmp_path}/caf\udce9")
    try:
        fill(folder, {"1.txt": b"words"})
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such names")
    with pytest.raises(BadData, match="not UTF-8"):
        load(tmp_path)


def test_missing_path_is_an_error(tmp_path: Path):
    with pytest.raises(MissingData, match="nothing-here does not exist"):
        load(tmp_path / "nothing-here")


def test_file_that_is_no_table_is_an_error(tmp_path: Path):
    with pytest.raises(BadData, match=r"expected a folder, or a table \(.csv, .tsv"):
        load(table(tmp_path / "pets.zip", b"PK"))


WEIRD = "très bien, dit-elle"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", f'text,label\n"hello, you",1\n"two\nlines","{WEIRD}"\n'),
        ("t.csv", f'\ufefflabel,id,text\n1,7,"hello, you"\n"{WEIRD}",8,"two\nlines"\n'),
        ("t.tsv", f'text\tlabel\nhello, you\t1\n"two\nlines"\t{WEIRD}\n'),
        (
            "t.jsonl",
            '{"text": "hello, you", "label": 1}\n\n'
            f'{{"label": "{WEIRD}", "text": "two\\nlines"}}',
        ),
        (
            "t.NDJSON",
            f'\ufeff{{"text": "hello, you", "label": "1"}}\r\n'
            f'{{"label": "{WEIRD}", "text": "two\\nlines"}}\r\n',
        ),
    ],
)
def test_csv_tsv_and_jsonl_are_equivalent(tmp_path: Path, name: str, text: str):
    data = load(table(tmp_path / name, text))
    assert found(data) == [("1", "hello, you"), (WEIRD, "two\nlines")]
    assert modality(data) == "text"
    assert data.unreadable == []


@pytest.mark.parametrize(("value", "label"), [("3", "3"), ("true", "True"), ("0.5", "0.5")])
def test_json_labels_need_not_be_strings(tmp_path: Path, value: str, label: str):
    data = load(table(tmp_path / "t.jsonl", f'{{"text": "words", "label": {value}}}'))
    assert found(data) == [(label, "words")]


def test_space_around_a_label_is_no_part_of_it(tmp_path: Path):
    data = load(table(tmp_path / "t.csv", "text,label\none, a b\ntwo,a b \n"))
    assert data.counts() == {"a b": 2}


def test_a_missing_column_is_named_beside_those_there_are(tmp_path: Path):
    with pytest.raises(BadData, match="no column label and no text; its columns: Text;Label"):
        load(table(tmp_path / "t.csv", "Text;Label\nhello;1\n"))


def test_an_empty_table(tmp_path: Path):
    with pytest.raises(BadData, match="its columns: none"):
        load(table(tmp_path / "t.csv", ""))


def test_rows_without_text_or_label_are_named_by_their_lines(tmp_path: Path):
    rows = 'text,label\ngood,a\n,a\n"  ",a\nno label,\nshort\ngood too,b\n'
    data = load(table(tmp_path / "t.csv", rows))
    assert found(data) == [("a", "good"), ("b", "good too")]
    assert data.unreadable == [
        f"t.csv, line {number} (text or label is missing)" for number in (3, 4, 5, 6)
    ]


def test_bad_json_lines_are_named(tmp_path: Path):
    lines = '{"text": "good", "label": "a"}\n{"text": \n[1]\n{"text": "no label"}\n'
    data = load(table(tmp_path / "t.jsonl", lines))
    assert found(data) == [("a", "good")]
    assert data.unreadable == [
        "t.jsonl, line 2 (not a JSON object)",
        "t.jsonl, line 3 (not a JSON object)",
        "t.jsonl, line 4 (text or label is missing)",
    ]


def test_a_table_in_another_charset_is_refused_not_guessed(tmp_path: Path):
    with pytest.raises(BadData, match="not a readable UTF-8 table"):
        load(table(tmp_path / "t.csv", "text,label\ncafé,a\n".encode("latin-1")))


def test_a_very_long_text_is_read(tmp_path: Path):
    data = load(table(tmp_path / "t.csv", f"text,label\n{'word ' * 60_000},a\n"))
    assert len(data.samples[0].payload.data) == 300_000
