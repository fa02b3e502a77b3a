"""Digits of another collection than MNIST: those of scikit-learn, drawn as MNIST's are."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tests.training.samples import png


def write_digits(folder: Path, count: int) -> Path:
    """The optical digits of scikit-learn, drawn in the middle of 28×28 pixels."""
    digits = load_digits()
    for number in range(count):
        picture = Image.fromarray((digits.images[number] * 255 / 16).astype(np.uint8))
        page = np.zeros((28, 28), np.uint8)
        page[4:24, 4:24] = np.asarray(picture.resize((20, 20), Image.Resampling.BICUBIC))
        path = folder / str(digits.target[number]) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(page))
    return folder
