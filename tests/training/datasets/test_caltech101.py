"""Caltech-101's categories under the names of another model's labels."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.packages import write_files, write_repository
from tests.training.samples import png
from training.datasets import caltech101
from training.errors import MissingData

LABELS = {"electric guitar": "guitar", "binoculars": "binoculars", "leopard": "leopard"}
CATEGORIES = ("electric_guitar", "binocular", "Leopards", "snoopy")
PHOTO = png(np.zeros((4, 4, 3), np.uint8))
FILES = {
    f"101_ObjectCategories/{name}/image_0001.jpg": PHOTO + name.encode() for name in CATEGORIES
} | {"README.md": b"no photo"}


def write(folder: Path, packed: bool) -> Path:
    if packed:
        write_repository(folder, "Homework2-Caltech101", FILES)
        return folder
    return write_files(folder, FILES)


@pytest.mark.parametrize("packed", [True, False])
def test_categories_with_a_label_are_read(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("THALAMUS_DATA", str(write(tmp_path, packed)))
    found = {sample.name: sample.label for sample in caltech101.load(LABELS).samples}
    assert found == {
        "electric_guitar/image_0001.jpg": "guitar",
        "binocular/image_0001.jpg": "binoculars",
        "Leopards/image_0001.jpg": "leopard",
    }


def test_a_file_without_photos_of_caltech_is_named(tmp_path: Path):
    (tmp_path / "photos.zip").write_bytes(b"no zip")
    with pytest.raises(MissingData, match="is not an archive of Caltech-101"):
        caltech101.load(LABELS, tmp_path / "photos.zip")
    (tmp_path / "101_ObjectCategories").mkdir()
    with pytest.raises(MissingData, match="holds no photos of Caltech-101"):
        caltech101.load(LABELS, tmp_path)
