"""Generated images that are no digits, to measure a detector by; the generator makes all draws.

Letters come from the fonts of matplotlib, and are drawn like MNIST's digits: scaled to 20 pixels,
with the centre of mass in the middle. Letters that look like digits are left out.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from string import ascii_letters

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

DIGITS_TO_THE_EYE = "OoIlSs"  # 0, 1 and 5
DRAWN_LETTERS = "".join(letter for letter in ascii_letters if letter not in DIGITS_TO_THE_EYE)
DEJAVU = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono")
COMPUTER_MODERN = ("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10")
STIX = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic")
_BOX = 20  # pixels, of a side's 28

# Known images, uint8 (N, H, W), and a source of randomness → as many outliers of the same size.
MakeOutliers = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def noise(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return images whose pixels are uniform noise."""
    return chance.integers(0, 256, images.shape).astype(np.uint8)


def inverted(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return the negatives."""
    return 255 - images


def rotated(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return the images rotated by 90 degrees, in alternating directions."""
    turned = np.rot90(images, 1, (1, 2)).copy()
    turned[::2] = np.rot90(images[::2], 3, (1, 2))
    return turned


def shuffled(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return the images with shuffled pixels, in a new order for each."""
    return chance.permuted(images.reshape(len(images), -1), axis=1).reshape(images.shape)


def blank(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return images of one grey each; a quarter of them are black and a quarter white."""
    levels = chance.integers(0, 256, len(images))
    levels[::4], levels[1::4] = 0, 255
    return np.broadcast_to(levels[:, None, None], images.shape).astype(np.uint8)


def letters(
    images: np.ndarray,
    chance: np.random.Generator,
    fonts: Sequence[str] = DEJAVU,
    alphabet: str = DRAWN_LETTERS,
) -> np.ndarray:
    """Return letters: the alphabet in each font in turn."""
    side, count = images.shape[1], len(alphabet)
    return np.stack(
        [
            _drawn(fonts[place // count % len(fonts)], alphabet[place % count], side)
            for place in range(len(images))
        ]
    )


@cache
def _drawn(font: str, letter: str, side: int) -> np.ndarray:
    file = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    large = Image.new("L", (160, 160))
    ImageDraw.Draw(large).text((80, 80), letter, 255, ImageFont.truetype(file, 64), anchor="mm")
    cut = large.crop(large.getbbox())
    share = _BOX / max(cut.size)
    size = (max(1, round(cut.width * share)), max(1, round(cut.height * share)))
    ink = np.asarray(cut.resize(size, Image.Resampling.LANCZOS))
    page = np.zeros((side, side), dtype=np.uint8)
    corner = [_start(ink, axis, side) for axis in (0, 1)]
    page[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = ink
    return page


def _start(ink: np.ndarray, axis: int, side: int) -> int:
    """Return the start of the ink that puts its centre of mass in the middle, within the page."""
    weight = ink.sum(axis=1 - axis, dtype=float)
    centre = float((np.arange(len(weight)) * weight).sum() / weight.sum())
    return int(np.clip(round((side - 1) / 2 - centre), 0, side - len(weight)))


def stripes(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return sine waves of random directions, with wavelengths of 3 to 14 pixels."""
    count, height, width = images.shape
    angle, length, phase = (
        chance.uniform(least, most, (count, 1, 1))
        for least, most in ((0, np.pi), (3, 14), (0, 2 * np.pi))
    )
    y, x = np.mgrid[:height, :width]
    waves = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length + phase)
    return (255 * (waves + 1) / 2).astype(np.uint8)


def photographs(images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return grey cuts of the two photographs that scikit-learn contains."""
    count, height, width = images.shape
    photos = [np.asarray(Image.fromarray(each).convert("L")) for each in _photos()]
    pieces = []
    for place in range(count):
        photo = photos[place % len(photos)]
        y = int(chance.integers(photo.shape[0] - height))
        x = int(chance.integers(photo.shape[1] - width))
        pieces.append(photo[y : y + height, x : x + width])
    return np.stack(pieces)


@cache
def _photos() -> list[np.ndarray]:
    return list(load_sample_images().images)


# The detector was selected by the first kinds; the others were held out until its test.
SELECTION_KINDS: dict[str, MakeOutliers] = {
    "noise": noise,
    "blank pages": blank,
    "inverted": inverted,
    "rotated by 90°": rotated,
    "shuffled pixels": shuffled,
    "letters (DejaVu)": letters,
    "letters (Computer Modern)": partial(letters, fonts=COMPUTER_MODERN),
    "letters (STIX)": partial(letters, fonts=STIX),
    "all 52 letters (STIX)": partial(letters, fonts=STIX, alphabet=ascii_letters),
}
HELD_OUT_KINDS: dict[str, MakeOutliers] = {
    "stripes": stripes,
    "pieces of photographs": photographs,
    "Greek letters (DejaVu)": partial(letters, alphabet="ΓΔΘΛΞΠΣΦΨΩ"),
}
