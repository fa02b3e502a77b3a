"""Characters that are no digits, drawn like MNIST's digits: light on dark, centred by mass.

They are letters of the printed fonts of matplotlib, letters of the handwriting font Caveat, and
emoji of Noto Emoji, which has outlines only. All fonts have the Open Font Licence or a similar one.
"""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_letters

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.modalities import Payload
from training.data.dataset import Sample
from training.data.sources import DataFile
from training.datasets.mnist import png
from training.outliers.kinds import Locate

CAVEAT = DataFile("fontsource-caveat-5.3.0.tgz", "npm pack @fontsource/caveat@5.3.0", None)
EMOJI = DataFile("fontsource-noto-emoji-5.3.2.tgz", "npm pack @fontsource/noto-emoji@5.3.2", None)
PRINTED = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono-Bold", "STIXGeneral", "cmr10", "cmmi10")
SHAPED_LIKE_DIGITS = "OoIlZzSsbBgq"  # an image of one of these may be a digit
LETTERS = [letter for letter in ascii_letters if letter not in SHAPED_LIKE_DIGITS]
PICTOGRAMS = [chr(code) for code in range(0x1F300, 0x1F6FF)]
SIDE, BOX = 28, 20  # pixels: of the image, and of the longer side of the character
_SIZE, _NO_CHARACTER = 96, "\U0010ffff"


def glyphs(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds; letters that look like digits are left out."""
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    files = [folder / f"{name}.ttf" for name in PRINTED]
    return {
        "letters in print": lambda: _drawn([path.read_bytes() for path in files], LETTERS),
        "handwritten letters": lambda: _drawn(_fonts(find(CAVEAT), "latin-400"), LETTERS),
        "emoji": lambda: _drawn(_fonts(find(EMOJI), "400"), PICTOGRAMS),
    }


def _fonts(package: Path, weight: str) -> list[bytes]:
    with tarfile.open(package) as archive:
        names = sorted(archive.getnames())
        chosen = [name for name in names if f"{weight}-normal" in name and name.endswith(".woff")]
        return [file.read() for name in chosen if (file := archive.extractfile(name))]


def _drawn(fonts: Iterable[bytes], characters: Iterable[str]) -> list[Sample]:
    wanted = list(characters)
    return [
        Sample(f"{number}-{ord(character):x}.png", Payload(png(picture), "image/png"), "")
        for number, font in enumerate(fonts)
        for character, picture in _pictures(ImageFont.truetype(io.BytesIO(font), _SIZE), wanted)
    ]


def _pictures(
    font: ImageFont.FreeTypeFont, characters: Iterable[str]
) -> Iterator[tuple[str, np.ndarray]]:
    nothing = bytes(font.getmask(_NO_CHARACTER))
    for character in characters:
        if bytes(font.getmask(character)) not in (nothing, b""):
            yield character, picture(font, character)


def picture(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray:
    """Return uint8 (28, 28): the character in a box of 20 pixels, centred by mass."""
    left, top, right, bottom = map(round, font.getbbox(character))
    ink = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(ink).text((1 - left, 1 - top), character, 255, font)
    ink = ink.crop(ink.getbbox())
    share = BOX / max(ink.size)
    ink = ink.resize([max(1, round(length * share)) for length in ink.size])
    mass = np.asarray(ink, dtype=np.float64)
    corner = [
        int(np.clip(round(SIDE / 2 - centre), 0, SIDE - length))
        for centre, length in (
            (np.average(np.arange(mass.shape[1]), weights=mass.sum(0) + 1e-9), mass.shape[1]),
            (np.average(np.arange(mass.shape[0]), weights=mass.sum(1) + 1e-9), mass.shape[0]),
        )
    ]
    page = Image.new("L", (SIDE, SIDE))
    page.paste(ink, (corner[0], corner[1]))
    return np.asarray(page)
