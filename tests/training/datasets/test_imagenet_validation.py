"""Photos of ImageNet's validation set as two repositories hold them, packed or not."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.packages import write_collection
from tests.training.samples import png
from training.datasets import imagenet_validation
from training.errors import MissingData

LABELS = {"n01440764": "tench", "n01443537": "goldfish", "n03126707": "crane (machine)"}
PHOTO = png(np.zeros((4, 4, 3), np.uint8))


def photo(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def contents(*names: str) -> dict[str, bytes]:
    return {name: PHOTO + name.encode() for name in names}


OF_TEN = contents(
    f"train/n01440764/{photo(1)}",
    f"val/n03126707/{photo(2)}",
    f"val/n09999999/{photo(3)}",
    "train/n01440764/n01440764_10026.JPEG",  # of the training set
)
LISTED = {2: 2, 4: 1, 5: 1000}  # of 5 the class is unknown
PICKED = contents(*(f"ILSVRC2012_VAL_SET/data/{photo(n)}" for n in (*LISTED, 6))) | {
    "ILSVRC2012_VAL_SET/dataset.txt": "".join(
        f"./data/{photo(number)}, {label}\n" for number, label in LISTED.items()
    ).encode(),
    "ImageNet/dataset.txt": f"./data/{photo(4)}, 0\n".encode(),
}


def write(folder: Path, packed: bool) -> Path:
    for name, files in (("imagenette", OF_TEN), ("acuity-dataset", PICKED)):
        write_collection(folder, name, files, packed=packed)
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_each_photo_of_the_validation_set_is_read_once(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("THALAMUS_DATA", str(write(tmp_path, packed)))
    found = {sample.name: sample.label for sample in imagenet_validation.load(LABELS).samples}
    assert found == {photo(1): "tench", photo(2): "crane (machine)", photo(4): "goldfish"}


def test_a_collection_without_its_list_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("THALAMUS_DATA", str(write(tmp_path, packed=False)))
    (tmp_path / "acuity-dataset" / "ILSVRC2012_VAL_SET" / "dataset.txt").unlink()
    with pytest.raises(MissingData, match=r"holds no ILSVRC2012_VAL_SET/dataset\.txt"):
        imagenet_validation.load(LABELS)
