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
from app.modalities.image.upright import STRIP, Upright, as_array

_FILTERS = {"bilinear": FilterType.bilinear, "bicubic": FilterType.catmull_rom}
_PIXELS = {1: PixelType.U8, 3: PixelType.U8x3}
WHOLE = 2**20  # pixels of the largest picture that is copied as a whole
LATE_PIXELS, LATE_FACTOR = 8_000_000, 4
"""A picture of more pixels that is reduced to a quarter or less has its colour profile applied
afterwards, as every JPEG has that is decoded at a fraction of its size."""
_Source = np.ndarray | Upright
Box = tuple[float, float, float, float]  # left, top, width, height
# Left, top, right and bottom, as fractions of the picture's width and height.
Edges = tuple[float, float, float, float]


def shrunk(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Return a picture of four times the spec's size or more at a half or less of its own size.

    The result has at least twice the target's size, which is enough for the filter; JPEG decoders
    reduce to the same size.
    """
    factor = shrink_factor(image.width, image.height, spec)
    if factor < 2:
        return image
    return image.resize((image.width // factor, image.height // factor), Image.Resampling.BOX)


def shrink_factor(width: int, height: int, spec: ImageSpec) -> int:
    """Return by how much `shrunk` divides the edges of a picture; less than 2 for not at all."""
    return min(width // (2 * spec.width), height // (2 * spec.height))


def fit_upright(pixels: Upright, spec: ImageSpec) -> np.ndarray:
    """Return what `fit_image` makes of the whole picture after `shrunk`. It may close the picture.

    A large picture is read in strips. Pillow averages rows first, then columns, and rows can be
    averaged apart, so the result is the same. Of a very large one with a colour profile, that is
    applied to the averages: pixel by pixel it takes seconds.
    """
    height, width, _ = pixels.shape
    factor = shrink_factor(width, height, spec)
    if height * width <= (STRIP if factor >= 2 else WHOLE):
        whole = pixels.part(slice(None), slice(None))
        return fit_image(as_array(shrunk(whole, spec)), spec)
    if factor < 2:
        return fit_image(pixels, spec)
    if factor >= LATE_FACTOR and height * width > LATE_PIXELS:
        pixels.colour_later()
    narrow = Image.new(pixels.mode, (width // factor, height))
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = pixels.part(slice(top, top + rows), slice(None))
        narrow.paste(strip.resize((narrow.width, strip.height), Image.Resampling.BOX), (0, top))
    pixels.close()
    small = narrow.resize((narrow.width, height // factor), Image.Resampling.BOX)
    narrow.close()
    return fit_image(as_array(pixels.coloured(small)), spec)


def fit_image(pixels: _Source, spec: ImageSpec) -> np.ndarray:
    """Return uint8 (height, width, channels) of the spec's size, from such pixels of any size.

    Every part of the result comes from at least one pixel.
    """
    height, width = pixels.shape[:2]
    target = (spec.height, spec.width)
    if spec.fit == "pad":
        left, top, columns, rows = _padded(height, width, spec)
        canvas = np.zeros((*target, pixels.shape[2]), np.uint8)
        canvas[top : top + rows, left : left + columns] = _resized(pixels, (rows, columns), spec)
        return canvas
    if spec.fit == "stretch":
        return _resized(pixels, target, spec)
    return _resized(pixels, target, spec, _cropped(height, width, spec))


def seen_part(height: int, width: int, spec: ImageSpec) -> Edges:
    """Return which part of an upright picture of this size the model's input shows.

    It is below 0 and above 1 where `fit_image` adds a margin.
    """
    if spec.fit == "stretch":
        return (0.0, 0.0, 1.0, 1.0)
    if spec.fit == "pad":
        left, top, columns, rows = _padded(height, width, spec)
        return (
            -left / columns,
            -top / rows,
            (spec.width - left) / columns,
            (spec.height - top) / rows,
        )
    x, y, across, down = _cropped(height, width, spec)
    return (x / width, y / height, (x + across) / width, (y + down) / height)


def _padded(height: int, width: int, spec: ImageSpec) -> tuple[int, int, int, int]:
    """Return where the picture stands within the input: left, top, columns, rows."""
    # As ImageOps.pad does, but with at least one pixel of a very long and thin picture.
    columns = min(spec.width, max(1, round(width / height * spec.height)))
    rows = min(spec.height, max(1, round(height / width * spec.width)))
    return round((spec.width - columns) * 0.5), round((spec.height - rows) * 0.5), columns, rows


def _cropped(height: int, width: int, spec: ImageSpec) -> Box:
    """Return the part of the picture that the input shows, in pixels."""
    scale = spec.crop_fraction * min(width / spec.width, height / spec.height)
    across, down = min(spec.width * scale, width), min(spec.height * scale, height)
    return ((width - across) / 2, (height - down) / 2, across, down)


def _resized(
    pixels: _Source, size: tuple[int, int], spec: ImageSpec, box: Box | None = None
) -> np.ndarray:
    """Return the box of the pixels at `size`, rows and columns.

    The resizer convolves columns first, then rows. Of a large picture it is given the columns in
    slabs, because it copies what it is given.
    """
    height, width, channels = pixels.shape
    if (height, width) == size and box in (None, (0, 0, width, height)):
        return pixels[:, :]
    if height * width <= WHOLE:
        return _convolved(pixels[:, :], size, spec, box)
    left, top, across, down = box or (0.0, 0.0, width, height)
    flat = np.empty((size[0], width, channels), np.uint8)
    step = max(1, STRIP // height)
    for start in range(0, width, step):
        slab = np.ascontiguousarray(pixels[:, start : start + step])
        columns = slab.shape[1]
        flat[:, start : start + columns] = _convolved(
            slab, (size[0], columns), spec, (0, top, columns, down)
        )
    if isinstance(pixels, Upright):
        pixels.close()
    return _convolved(flat, size, spec, (left, 0, across, size[0]))


def _convolved(
    pixels: np.ndarray, size: tuple[int, int], spec: ImageSpec, box: Box | None
) -> np.ndarray:
    """Return the box of the pixels at `size`."""
    height, width, channels = pixels.shape
    options = ResizeOptions(
        ResizeAlg.convolution(_FILTERS[spec.resample]),
        crop_box=CropBox(*box) if box is not None else None,
    )
    source = ImageData(width, height, _PIXELS[channels], pixels.tobytes())
    target = ImageData(size[1], size[0], _PIXELS[channels])
    Resizer().resize(source, target, options)  # it has buffers, so threads cannot share one
    return np.frombuffer(target.get_buffer(), np.uint8).reshape(*size, channels)
