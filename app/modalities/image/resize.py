"""Resizing: the pixels of a picture → pixels of the size that a model reads.

It convolves with the filter that the spec names, which is widened where the picture shrinks; the
result is within a few of Pillow's 256 levels. cykooz-resizer does it with the processor's vector
units and without Python's lock.
"""

import numpy as np
from cykooz_resizer import (
    CropBox,
    FilterType,
    ImageData,
    PixelType,
    ResizeAlg,
    ResizeOptions,
    Resizer,
)
from PIL import Image

from app.modalities.image.spec import ImageSpec

_FILTERS = {"bilinear": FilterType.bilinear, "bicubic": FilterType.catmull_rom}
_PIXELS = {1: PixelType.U8, 3: PixelType.U8x3}
Box = tuple[float, float, float, float]  # left, top, width, height


def shrunk(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Return a picture of four times the spec's size or more at a half or less of its own size.

    The result has at least twice the target's size, which is enough for the filter; JPEG decoders
    reduce to the same size. It avoids a second copy of a large picture.
    """
    factor = min(image.width // (2 * spec.width), image.height // (2 * spec.height))
    if factor < 2:
        return image
    return image.resize((image.width // factor, image.height // factor), Image.Resampling.BOX)


def fit_image(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """Return uint8 (height, width, channels) of the spec's size, from such pixels of any size.

    Every part of the result comes from at least one pixel.
    """
    height, width = pixels.shape[:2]
    target = (spec.height, spec.width)
    if spec.fit == "pad":
        # As ImageOps.pad does, but with at least one pixel of a very long and thin picture.
        columns = min(spec.width, max(1, round(width / height * spec.height)))
        rows = min(spec.height, max(1, round(height / width * spec.width)))
        canvas = np.zeros((*target, pixels.shape[2]), np.uint8)
        top, left = round((spec.height - rows) * 0.5), round((spec.width - columns) * 0.5)
        canvas[top : top + rows, left : left + columns] = _resized(pixels, (rows, columns), spec)
        return canvas
    if spec.fit == "stretch":
        return _resized(pixels, target, spec)
    scale = spec.crop_fraction * min(width / spec.width, height / spec.height)
    across, down = min(spec.width * scale, width), min(spec.height * scale, height)
    box = ((width - across) / 2, (height - down) / 2, across, down)
    return _resized(pixels, target, spec, box)


def _resized(
    pixels: np.ndarray, size: tuple[int, int], spec: ImageSpec, box: Box | None = None
) -> np.ndarray:
    """Return the box of the pixels at `size`, rows and columns."""
    height, width, channels = pixels.shape
    if (height, width) == size and box in (None, (0, 0, width, height)):
        return pixels
    options = ResizeOptions(
        ResizeAlg.convolution(_FILTERS[spec.resample]),
        crop_box=CropBox(*box) if box is not None else None,
    )
    source = ImageData(width, height, _PIXELS[channels], pixels.tobytes())
    target = ImageData(size[1], size[0], _PIXELS[channels])
    Resizer().resize(source, target, options)  # it has buffers, so threads cannot share one
    return np.frombuffer(target.get_buffer(), np.uint8).reshape(*size, channels)
