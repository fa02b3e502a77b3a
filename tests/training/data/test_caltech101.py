"""Caltech-101's categories under the names of another model's labels."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.samples import png
from training.data import caltech101
from training.errors import MissingData

LABELS = {"electric guitar": "guitar", "binoculars": "binoculars", "leopard": "leopard"}
CATEGORIES = ("electric_guitar", "binocular", "Leopards", "snoopy")
PHOTO = png(np.zeros((4, 4, 3), np.uint8))


def write(folder: Path, packed: bool) -> Path:
    if packed:
        with zipfile.ZipFile(folder / "Homework2-Caltech101-master.zip", "w") as archive:
            for name in CATEGORIES:
                inside = f"Homework2-Caltech101-master/101_ObjectCategories/{name}/image_0001.jpg"
                archive.writestr(inside, PHOTO + name.encode())
            archive.writestr("Homework2-Caltech101-master/README.md", "no photo")
        return folder
    for name in CATEGORIES:
        path = folder / "101_ObjectCategories" / name / "image_0001.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(PHOTO + name.encode())
    return folder


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


def test_what_holds_none_is_named(tmp_path: Path):
    (tmp_path / "photos.zip").write_bytes(b"no zip")
    with pytest.raises(MissingData, match="is not an archive of Caltech-101"):
        caltech101.load(LABELS, tmp_path / "photos.zip")
    (tmp_path / "101_ObjectCategories").mkdir()
    with pytest.raises(MissingData, match="holds no photos of Caltech-101"):
        caltech101.load(LABELS, tmp_path)
