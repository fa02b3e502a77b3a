"""Photos that the installed packages carry, cut into many pictures; without labels.

They calibrate and compare conversions of a network that came trained, whose own data are not
here. A cut covers between an eighth and all of a photo, and is put as PNG.
"""

import io
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from app.inputs import Payload
from training.errors import MissingData

_GOLDEN = Path(__file__).parent.parent / "golden" / "imagenet"


def photos() -> tuple[list[Traversable | Path], list[Traversable | Path]]:
    """Return photos to calibrate with, and others to compare on."""
    of_sklearn = files("sklearn.datasets") / "images"
    of_matplotlib = files("matplotlib") / "mpl-data" / "sample_data"
    return (
        [of_sklearn / "china.jpg", of_matplotlib / "grace_hopper.jpg", _GOLDEN / "cat.jpg"],
        [of_sklearn / "flower.jpg", _GOLDEN / "coffee.jpg", _GOLDEN / "rocket.jpg"],
    )


def cuts(sources: Sequence[Traversable | Path], each: int, seed: int) -> list[Payload]:
    """Return `each` cuts of every photo, every other one mirrored."""
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
