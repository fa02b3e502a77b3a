"""A decoded picture, converted part by part.

A decoder's picture takes up to four bytes a pixel, and as much again for each step of turning it,
putting it on white and converting it. So these steps are done for the part that is asked for, and
no second picture of the whole size is ever made. They work pixel by pixel: the parts are equal to
those of a picture that was converted as a whole.
"""

import numpy as np
from PIL import ExifTags, Image

from app.errors import InvalidInput
from app.exhaustion import resource_exhausted

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


class Upright:
    """The pixels of a loaded Pillow image, uint8 (height, width, channels), upright and on white.

    Only `[rows, columns]` with two slices works, which returns a new array. orientation: by
    EXIF, 1 to 8. mode: `L` or `RGB`. Raises `InvalidInput` for pixels that are no whole numbers.
    """

    def __init__(self, image: Image.Image, orientation: int, mode: str) -> None:
        self._image, self._orientation, self.mode = image, orientation, mode
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
        return _flatten(image, self.mode)

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


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if the EXIF data cannot be read.

    It is taken out of the EXIF data, because Pillow would turn a TIFF picture as a whole.
    """
    try:
        return int(image.getexif().pop(ExifTags.Base.Orientation, 1))
    except Exception as error:  # Pillow raises any exception for damaged data
        if resource_exhausted(error):
            raise
        return 1


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    """Convert to `mode`, 8 bits a channel, with transparent pictures on white."""
    if image.mode.startswith("I"):  # 16 bits a pixel: convert() would clip all above 255
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.mode == "F":
        raise InvalidInput("expected integer pixels, got floating point; convert to 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(deep: np.ndarray) -> np.ndarray:
    """Scale 0..65535 to 0..255, rounded."""
    return (deep.astype(np.float32).clip(0, 65535) / 257).round().astype(np.uint8)
