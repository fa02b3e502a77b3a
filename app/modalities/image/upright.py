"""A decoded picture, converted part by part.

A decoder's picture takes up to four bytes a pixel, and as much again for each step of turning it,
putting it on white and converting it. So these steps are done for the part that is asked for, and
no second picture of the whole size is ever made. They work pixel by pixel: the parts are equal to
those of a picture that was converted as a whole.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from app.errors import InvalidInput
from app.modalities.image.colour import Colours

STRIP = 2**17  # pixels that are converted at a time
PART_BYTES = 28  # of a pixel of the part that is being converted: all copies of all steps
_CHANNELS = {"L": 1, "RGB": 3}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FROM_THE_RIGHT = {2, 3, 6, 7}  # the last upright column is stored first
_FROM_BELOW = {3, 4, 7, 8}  # the last upright row is stored first
_ACROSS = {5, 6, 7, 8}  # upright rows are stored as columns


class Meaning(NamedTuple):
    """How a decoder's pixels are to be understood.

    orientation: by EXIF, 1 to 8. colours: makes sRGB of them; None where they are. white: the
    largest value of deep gray. inverted: whether 0 is white. is_ycbcr: whether what the decoder
    calls RGB is luma and chroma.
    """

    orientation: int = 1
    colours: Colours | None = None
    white: int = 65535
    inverted: bool = False
    is_ycbcr: bool = False


class Upright:
    """The pixels of a loaded Pillow image, uint8 (height, width, channels), upright and on white.

    Only `[rows, columns]` with two slices works, which returns a new array. mode: `L` or `RGB`.
    Raises `InvalidInput` for pixels of a type without a known white.
    """

    def __init__(self, image: Image.Image, meaning: Meaning, mode: str) -> None:
        self._image, self._meaning, self.mode = image, meaning, mode
        self._shown_mode, self._is_later = mode, False
        orientation = meaning.orientation
        self._orientation = orientation
        width, height = image.im.size  # TIFF: `image.size` is that of the upright picture
        if orientation in _ACROSS:
            width, height = height, width
        self.shape = (height, width, _CHANNELS[mode])

    def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
        return as_array(self.part(*place))

    def part(self, rows: slice, columns: slice) -> Image.Image:
        """Return a part of the picture, in `mode`."""
        height, width, _ = self.shape
        top, bottom, _ = rows.indices(height)
        left, right, _ = columns.indices(width)
        image = self._image
        if (top, bottom, left, right) != (0, height, 0, width) or image.size != image.im.size:
            image = image.crop(self._stored(left, top, right, bottom))
        if self._orientation in _TURNS:
            image = image.transpose(_TURNS[self._orientation])
        image = _eight_bits(image, self._meaning)
        if self._is_later:
            return image if image.mode == self.mode else image.convert(self.mode)
        return _shown(image, self.mode, self._meaning.colours)

    def colour_later(self) -> None:
        """Leave the colour profile to `coloured`, and transparency with it.

        Parts have then the colours of the profile, and `mode` is that of these.
        """
        colours = self._meaning.colours
        if colours is not None:
            self.mode = "RGBA" if self._image.has_transparency_data else colours.space
            self._is_later = True

    def coloured(self, reduced: Image.Image) -> Image.Image:
        """Return the picture that was made of the parts in `L` or `RGB`, in sRGB and on white."""
        if not self._is_later:
            return reduced
        return _shown(reduced, self._shown_mode, self._meaning.colours)

    def close(self) -> None:
        """Free the memory of the decoder's picture."""
        self._image.close()

    def _stored(self, left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
        """Return where the decoder's picture has a part of the upright one."""
        height, width, _ = self.shape
        if self._orientation in _FROM_THE_RIGHT:
            left, right = width - right, width - left
        if self._orientation in _FROM_BELOW:
            top, bottom = height - bottom, height - top
        if self._orientation in _ACROSS:
            return top, left, bottom, right
        return left, top, right, bottom


def as_array(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image in mode L or RGB, uint8 (height, width, channels)."""
    return np.asarray(image).reshape(image.height, image.width, -1)


def recoloured(pixels: np.ndarray) -> np.ndarray:
    """Return gray for a picture in RGB, and RGB for one in gray: one channel for three."""
    height, width, channels = pixels.shape
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    gray = np.empty((height, width, 1), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = Image.fromarray(pixels[top : top + rows])
        gray[top : top + rows] = as_array(strip.convert("L"))
    return gray


def _eight_bits(image: Image.Image, meaning: Meaning) -> Image.Image:
    """Return the picture with 8 bits a channel, and 0 for black."""
    if image.mode.startswith("I;16"):  # convert() would clip all above 255
        image = _scaled(image, meaning.white)
    elif image.mode in ("I", "F"):
        raise InvalidInput(
            "expected pixels of 8 or 16 bits without sign, got others; convert it to PNG of 8 bits"
        )
    if meaning.is_ycbcr:
        image = Image.merge("YCbCr", image.split()).convert("RGB")
    return _inverted(image) if meaning.inverted else image


def _shown(image: Image.Image, mode: str, colours: Colours | None) -> Image.Image:
    """Convert to `mode`, sRGB with 8 bits a channel, with transparent pictures on white."""
    if colours is not None:
        image = colours.converted(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)


def _scaled(image: Image.Image, white: int) -> Image.Image:
    """Scale 0..white to 0..255, rounded; one value may be transparent."""
    deep = np.asarray(image)
    scaled = (deep.astype(np.float32) * np.float32(255 / white)).round().clip(0, 255)
    gray = Image.fromarray(scaled.astype(np.uint8))
    key = image.info.get("transparency")
    if isinstance(key, int):
        gray.putalpha(Image.fromarray(np.where(deep == key, 0, 255).astype(np.uint8)))
    return gray


def _inverted(image: Image.Image) -> Image.Image:
    """Return gray with black and white exchanged; transparency stays."""
    if image.mode != "LA":
        return ImageOps.invert(image.convert("L"))
    gray, alpha = image.split()
    return Image.merge("LA", (ImageOps.invert(gray), alpha))
