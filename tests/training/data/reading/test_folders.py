"""Anyone's folder: where its labels stand, and which of its files are samples."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.training.data.reading.made import (
    KINDS,
    SOUND,
    as_format,
    fill,
    load,
    named,
    picture,
    pictures,
)
from tests.training.samples import png
from training.data.dataset import TEST, TRAIN, VALIDATION
from training.data.duplicates import deduplicate
from training.data.reading.read import check, modality
from training.errors import BadData, MissingData

PICTURE = png(np.zeros((4, 4, 3), np.uint8))


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
    assert modality(data, KINDS) == kind
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
    files = {
        "cats/tom.png": PICTURE,
        "cats/list.xlsx": b"",
        "cats/clip.mp4": b"\0\0\0 ftypmp42",
        "cats/cut.png": picture(0)[:-200],
        "x.png": PICTURE,
    }
    (tmp_path / "dogs").mkdir()
    data = load(fill(tmp_path, files))
    assert named(data) == [("cats/tom.png", "cats")]
    assert data.unreadable.pop(1).startswith("cats/cut.png (")
    assert data.unreadable == [
        "cats/clip.mp4 (neither image, sound nor text)",
        "cats/list.xlsx (an empty file)",
        "x.png (in no label's folder)",
        "dogs/ (an empty folder)",
    ]


def test_the_commonest_kind_is_taken_and_the_others_are_named(tmp_path: Path):
    files = {"a/1.png": PICTURE, "a/2.png": PICTURE, "b/1.txt": b"words", "b/3.wav": SOUND}
    data = load(fill(tmp_path, files))
    assert modality(data, KINDS) == "image"
    assert data.unreadable == [
        "b/1.txt (a text among 2 pictures)",
        "b/3.wav (a sound among 2 pictures)",
    ]


def test_an_empty_folder_says_what_is_expected(tmp_path: Path):
    with pytest.raises(BadData, match="one sub-folder per label"):
        load(tmp_path)


def test_folders_without_a_usable_file_say_so(tmp_path: Path):
    data = load(fill(tmp_path, {"a/1.xlsx": b"", "b/2.xlsx": b""}))
    with pytest.raises(
        BadData, match=r"no image, sound or text found; not usable: a/1\.xlsx \(an empty"
    ):
        modality(data, KINDS)


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


def parts(data) -> dict[str, str | None]:
    return {s.name: s.fixed for s in data.samples}


NAMES = [("train", "val", "test"), ("Training", "Validation", "Testing"), ("TRAIN", "dev", "test")]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("below", [False, True])
def test_the_authors_split_is_kept(tmp_path: Path, names: tuple[str, ...], below: bool):
    labels = ("circle", "square")
    folders = [f"{b}/{a}" if below else f"{a}/{b}" for a in names for b in labels]
    data = load(pictures(tmp_path, *folders))
    part_of = dict(zip(names, (TRAIN, VALIDATION, TEST), strict=True))
    assert data.counts() == {"circle": 9, "square": 9}
    for sample in data.samples:
        outer, inner, _ = sample.name.split("/")
        label, part = (outer, inner) if below else (inner, outer)
        assert (sample.label, sample.fixed) == (label, part_of[part])
    assert "the authors' split is kept" in "".join(data.notes)
    assert data.unreadable == []


def test_what_lies_beside_a_split_is_named(tmp_path: Path):
    pictures(tmp_path, "train/a", "train/b", "test/a", "extra/a")
    data = load(fill(tmp_path, {"train/list.txt": "x", "test/9.png": PICTURE}))
    assert data.counts() == {"a": 6, "b": 3}
    assert sorted(data.unreadable) == [
        "extra/ (beside test, train: neither a split nor a label)",
        "test/9.png (in no label's folder)",
        "train/list.txt (in no label's folder)",
    ]


def test_a_split_without_labels_is_refused(tmp_path: Path):
    with pytest.raises(BadData, match="test, train are names of splits, not labels"):
        check(pictures(tmp_path, "train", "test"))


def test_a_train_may_be_a_train(tmp_path: Path):
    data = load(pictures(tmp_path, "train", "bus", "car"))
    assert data.counts() == {"train": 3, "bus": 3, "car": 3}
    assert set(parts(data).values()) == {None}


def test_folders_that_hold_nothing_but_one_folder_are_gone_through(tmp_path: Path):
    pictures(tmp_path, "data/PetImages/Cat", "data/PetImages/Dog")
    data = load(fill(tmp_path, {"README.md": "words"}))
    assert data.counts() == {"Cat": 3, "Dog": 3}
    assert data.notes == [f"{tmp_path.name}: the labels are in data/PetImages/"]
    assert data.unreadable == ["README.md (in no label's folder)"]


def test_two_levels_of_folders_are_said(tmp_path: Path):
    data = load(pictures(tmp_path, "one/circle", "one/square", "two/circle", "two/square"))
    assert data.counts() == {"one": 6, "two": 6}
    assert "the folders in them (circle, square) are no labels" in data.warnings[0]


def test_one_label_is_refused_by_the_names_alone(tmp_path: Path):
    with pytest.raises(BadData, match="at least two labels are needed, found cats"):
        check(pictures(tmp_path, "cats"))


def test_links_are_followed_and_others_are_named(tmp_path: Path):
    pictures(tmp_path, "elsewhere/circle", "data/circle", "data/square")
    data = tmp_path / "data"
    (data / "circle" / "more").symlink_to("../../elsewhere/circle")
    (data / "triangle").symlink_to(tmp_path / "elsewhere" / "circle")
    (data / "circle" / "up").symlink_to("..")
    (data / "circle" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(data / "square" / "pipe")
    read = load(data)
    assert read.counts() == {"circle": 6, "square": 3, "triangle": 3}
    assert sorted(read.unreadable) == [
        "circle/gone.png (a link that leads nowhere)",
        "circle/up/ (a link to a folder that holds it; not followed)",
        "square/pipe (neither a file nor a folder)",
    ]


def test_links_that_branch_end(tmp_path: Path):
    pictures(tmp_path, "a", "b", each=1)
    for i in range(12):
        (tmp_path / "a" / f"d{i}").mkdir()
    for i in range(11):
        for side in "xy":
            (tmp_path / "a" / f"d{i}" / side).symlink_to(tmp_path / "a" / f"d{i + 1}")
    data = load(tmp_path)
    assert data.counts() == {"a": 1, "b": 1}
    assert any("linked more than 100 times" in line for line in data.unreadable)


def test_the_content_decides_and_not_the_suffix(tmp_path: Path):
    jpeg = as_format(PICTURE, "JPEG")
    files = {f"a/{name}": jpeg for name in ("1.jfif", "2", "3.jpg_large", "4.png", "5.txt")}
    data = load(fill(tmp_path, files))
    types = {s.name: s.payload.media_type for s in data.samples}
    assert set(types) == set(files)
    assert types["a/2"] == "image/jpeg" and modality(data, KINDS) == "image"


def test_texts_need_no_suffix(tmp_path: Path):
    data = load(fill(tmp_path, {"rec.autos/10293": "about cars", "sci.space/6004": "about stars"}))
    assert modality(data, KINDS) == "text"
    assert [s.payload.data for s in data.samples] == [b"about cars", b"about stars"]


def test_what_systems_leave_behind_is_no_label(tmp_path: Path):
    pictures(tmp_path, "a", "b")
    data = load(
        fill(tmp_path, {"__MACOSX/a/._0.png": b"x", "a/Thumbs.db": b"x", "desktop.ini": b""})
    )
    assert (data.counts(), data.unreadable) == ({"a": 3, "b": 3}, [])


def test_labels_are_the_same_in_any_unicode_form(tmp_path: Path):
    data = load(pictures(tmp_path, "caf\u00e9", "cafe\u0301", "th\u00e9 "))
    assert data.counts() == {"caf\u00e9": 6, "th\u00e9": 3}


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "TIFF"])
def test_the_same_pixels_are_one_picture(tmp_path: Path, form: str):
    pictures(tmp_path, "a", "b")
    gray = png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    options = {"compress_level": 0} if form == "PNG" else {}
    buffer = as_format(gray, form, **options) if form != "GIF" else gif(gray)
    data = load(fill(tmp_path, {"a/x.png": gray, "a/y": buffer}))
    kept, remarks = deduplicate(data)
    assert remarks == ["1 duplicate(s) dropped"]
    assert kept.counts() == {"a": 4, "b": 3}


def gif(gray: bytes) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(gray)).save(buffer, "GIF")
    return buffer.getvalue()


def test_a_table_option_without_a_table_is_refused(tmp_path: Path):
    with pytest.raises(BadData, match=re.escape("--label-column: ")):
        check_with(pictures(tmp_path, "a", "b"))


def check_with(path: Path) -> None:
    load(path, label_column="label")


def test_many_files_are_read_by_processes_as_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pictures(tmp_path, "a", "b", each=40)
    fill(tmp_path, {"a/bad.png": PICTURE[:30]})
    alone = load(tmp_path)
    monkeypatch.setattr("training.data.reading.files._MANY", 10)
    together = load(tmp_path)
    for column in ("rows", "labels", "keys", "contents", "fixed"):
        assert np.array_equal(getattr(alone.samples, column), getattr(together.samples, column))
    assert named(alone) == named(together) and alone.unreadable == together.unreadable
