"""A data set's files: the same from a folder as from an archive of it."""

from pathlib import Path

import pytest

from tests.training.packages import write_files, write_zip
from training.data.archives import files_of
from training.errors import MissingData

FILES = {
    "set/photos/ant/b.jpg": b"2",
    "set/photos/ant/a.jpg": b"1",
    "set/photos/bee/a.jpg": b"3",
    "set/photos/ant/notes.txt": b"no photo",
    "set/others/ant/a.jpg": b"elsewhere",
}


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_an_archive_are_sorted_by_path(packed: bool, tmp_path: Path):
    source = (
        write_zip(tmp_path / "set.zip", FILES) if packed else write_files(tmp_path / "x", FILES)
    )
    found = list(files_of(source, "photos/*/*.jpg", "a set"))
    assert [(path.parent.name, path.name, data) for path, data in found] == [
        ("ant", "a.jpg", b"1"),
        ("ant", "b.jpg", b"2"),
        ("bee", "a.jpg", b"3"),
    ]


def test_unreadable_archive_is_named(tmp_path: Path):
    (tmp_path / "set.zip").write_bytes(b"PK and no more")
    with pytest.raises(MissingData, match=r"set\.zip is not a set of photos"):
        list(files_of(tmp_path / "set.zip", "*.jpg", "a set of photos"))
