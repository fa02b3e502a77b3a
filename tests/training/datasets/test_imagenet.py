"""ImageNet's photos as their collector names them, packed or not."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.packages import write_collection
from tests.training.samples import png
from training.datasets import imagenet
from training.errors import MissingData

LABELS = {"n01440764": "tench", "n03126707": "crane (machine)"}
PHOTO = png(np.zeros((4, 4, 3), np.uint8))
NAMES = ("n01440764_tench.JPEG", "n03126707_crane.JPEG", "n09999999_other.JPEG", "gallery.md")
FILES = {name: PHOTO + name.encode() for name in NAMES}


def write(folder: Path, packed: bool) -> Path:
    return write_collection(folder, "imagenet-sample-images", FILES, packed=packed)


@pytest.mark.parametrize("packed", [True, False])
def test_photos_are_labelled_by_their_synset(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("THALAMUS_DATA", str(write(tmp_path, packed)))
    found = {sample.name: sample.label for sample in imagenet.load(LABELS).samples}
    assert found == {"n01440764_tench.JPEG": "tench", "n03126707_crane.JPEG": "crane (machine)"}


@pytest.mark.parametrize(
    ("content", "actual"), [(b"no zip", "is not an archive"), (None, "does not exist")]
)
def test_a_file_without_photos_is_named(content: bytes | None, actual: str, tmp_path: Path):
    given = tmp_path / "photos.zip"
    if content is not None:
        given.write_bytes(content)
    with pytest.raises(MissingData, match=actual):
        imagenet.load(LABELS, given)


def test_other_photos_than_were_pinned_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", packed=True)
    (tmp_path / "data" / "imagenet-sample-images-master.zip").rename(
        tmp_path / "data" / imagenet.ARCHIVE.file
    )
    with pytest.raises(MissingData, match="other photos than the 1,000"):
        imagenet.load(LABELS)
