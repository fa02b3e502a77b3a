"""An archive is read as what is in it, and nothing of it gets out of its folder."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.training.data.reading.made import (
    fill,
    found,
    load,
    named,
    pictures,
    table,
    tarred,
    zipped,
)
from training.data.reading.read import check
from training.errors import BadData

TABLE = "text,label\none,a\ntwo,b\n"


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.bz2", "x.tar.xz", "x"])
def test_an_archive_is_the_folder_in_it(tmp_path: Path, name: str):
    folder = pictures(tmp_path / "folder", "train/a", "train/b", "test/a", "test/b")
    pack = zipped if name in ("x.zip", "x") else tarred
    archive = pack(folder, tmp_path / name)
    packed, plain = load(archive), load(folder)
    assert (named(packed), packed.sha256) == (named(plain), plain.sha256)
    assert [s.fixed for s in packed.samples] == [s.fixed for s in plain.samples]
    assert packed.name == "x"


def test_a_table_in_an_archive(tmp_path: Path):
    folder = fill(tmp_path / "folder", {"inner/t.csv": TABLE})
    for archive in (zipped(folder, tmp_path / "x.zip"), tarred(folder, tmp_path / "y.tar.gz")):
        check_fails_for_too_few(archive)
        assert found(load(archive)) == [("a", "one"), ("b", "two")]


def check_fails_for_too_few(path: Path) -> None:
    with pytest.raises(BadData, match="at least 3 different samples; too few: a, b"):
        check(path)


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_a_compressed_table(tmp_path: Path, suffix: str, pack):
    data = load(table(tmp_path / f"t.csv{suffix}", pack(TABLE.encode())))
    assert (found(data), data.name) == ([("a", "one"), ("b", "two")], "t")


HOSTILE = ["../out.txt", "/tmp/thalamus-out.txt", "a/../../out.txt", "..\\out.txt", "c:/out.txt"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_nothing_is_written_outside(tmp_path: Path, name: str, form: str):
    archive = tmp_path / f"x.{form}"
    with Packed(archive) as add:
        add(name, b"outside")
        add("a/1.txt", b"one")
        add("b/1.txt", b"two")
    data = load(archive)
    assert named(data) == [("a/1.txt", "a"), ("b/1.txt", "b")]
    (line,) = data.unreadable
    assert "(it would be unpacked outside the folder)" in line
    assert not list(tmp_path.rglob("out.txt")) and not Path("/tmp/thalamus-out.txt").exists()


class Packed:
    """Writes a zip or tar archive, entry by entry, under any name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self):
        if self.path.suffix == ".zip":
            self.archive = zipfile.ZipFile(self.path, "w")
            return self.archive.writestr
        self.archive = tarfile.open(self.path, "w")

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            self.archive.addfile(member, io.BytesIO(data))

        return add

    def __exit__(self, *_: object) -> None:
        self.archive.close()


def linked(path: Path, links: dict[str, str], kind: bytes = tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
        for name in ("data/a/1.txt", "data/b/1.txt", "more/2.txt"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


def test_links_within_an_archive_are_followed(tmp_path: Path):
    links = {"data/a/more": "../../more", "data/b/chain": "../a/more", "data/b/file": "../a/1.txt"}
    data = load(linked(tmp_path / "x.tar", links))
    names = [name for name, _ in named(data)]
    assert {"data/a/more/2.txt", "data/b/chain/2.txt", "data/b/file"} <= set(names)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["../../../../etc/passwd", "/etc/passwd", "../../.."])
def test_links_out_of_an_archive_are_named(tmp_path: Path, target: str, kind: bytes):
    data = load(linked(tmp_path / "x.tar", {"data/a/out": target}, kind))
    assert any(line.startswith("data/a/out (a link ") for line in data.unreadable)
    assert "data/a/out" not in [name for name, _ in named(data)]


def test_nothing_is_written_through_a_link(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo("a")
        member.type, member.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(member)
        for name in ("a/1.txt", "b/1.txt"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    data = load(tmp_path / "x.tar")
    assert list(outside.iterdir()) == []
    assert named(data) == [("a/1.txt", "a"), ("b/1.txt", "b")]


def test_a_table_of_an_archive_names_no_file_outside_it(tmp_path: Path):
    rows = "file_name,label\n1.txt,a\n2.txt,b\n../../secret.txt,a\n/etc/hostname,b\n"
    folder = fill(tmp_path / "f", {"metadata.csv": rows, "1.txt": "one", "2.txt": "two"})
    fill(tmp_path, {"secret.txt": "secret"})
    data = load(zipped(folder, tmp_path / "x.zip"))
    assert [s.payload.data for s in data.samples] == [b"one", b"two"]
    assert data.unreadable == [
        "metadata.csv, line 4 (../../secret.txt lies outside the data that the table came with)",
        "metadata.csv, line 5 (/etc/hostname lies outside the data that the table came with)",
    ]


def test_a_bomb_is_refused_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.data.reading.unpack._FREE", 100_000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.txt", bytes(5_000_000))
    gz = tmp_path / "t.csv.gz"
    gz.write_bytes(gzip.compress(b"a" * 5_000_000))
    for path in (tmp_path / "x.zip", gz):
        with pytest.raises(BadData, match="unpacks to more than 200 times its size"):
            check(path)


def test_entries_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.data.reading.unpack._ENTRIES", 10)
    archive = zipped(pictures(tmp_path / "f", "a", "b", each=5), tmp_path / "x.zip")
    with pytest.raises(BadData, match="more than 10 entries"):
        check(archive)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz", "t.csv.gz", "t.xlsx"])
def test_damaged_archives_are_refused(tmp_path: Path, name: str):
    with pytest.raises(BadData, match=r"not a readable|cannot be decompressed"):
        check(table(tmp_path / name, b"PK\x03\x04 damaged" * 9))


def test_an_encrypted_archive_is_refused(tmp_path: Path):
    archive = zipped(pictures(tmp_path / "f", "a", "b", each=1), tmp_path / "x.zip")
    data = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            data[start + place] |= 1
            start = data.find(mark, start + 4)
    archive.write_bytes(data)
    with pytest.raises(BadData, match=r"is not a readable archive: .*encrypted"):
        check(archive)


LONG = "x" * 300  # characters; the disks of most systems take 255 bytes


@pytest.mark.parametrize("name", ["data/a/1.txt/link", f"data/a/{LONG}", "data/a"])
def test_a_link_that_cannot_be_made_is_named(tmp_path: Path, name: str):
    target = "../" * name.count("/") + "more"
    data = load(linked(tmp_path / "x.tar", {name: target}))
    assert {"data/a/1.txt", "data/b/1.txt"} <= {file for file, _ in named(data)}
    (line,) = [line for line in data.unreadable if line.startswith(f"{name} (")]
    assert "cannot be made" in line


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_entry_with_too_long_a_name_is_named(tmp_path: Path, form: str):
    with Packed(tmp_path / f"x.{form}") as add:
        for name in ("a/1.txt", f"a/{LONG}", "b/1.txt"):
            add(name, name.encode())
    data = load(tmp_path / f"x.{form}")
    assert named(data) == [("a/1.txt", "a"), ("b/1.txt", "b")]
    assert data.unreadable == [f"a/{LONG} (its name is too long for this disk)"]
