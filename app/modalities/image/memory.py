"""The memory that decoding a picture takes at its peak, from its header.

The formula follows `upright` and `resize` step by step, and it is an upper bound: a test compares
it with the memory that a process takes, for every format and mode. What it counts is the decoder's
picture, the parts that are being converted, and the intermediate pictures of the resizing.
"""

from app.modalities.image.header import Header
from app.modalities.image.resize import WHOLE, shrink_factor
from app.modalities.image.spec import ImageSpec
from app.modalities.image.upright import PART_BYTES, STRIP

_FIXED = 2**19  # Python's and the decoders' own
_FILES = 2  # copies of the file: without its remarks, and the remarks
_TARGET_BYTES = 16  # of a value of the model's input: resized, normalised, laid out
_COPIED = 12  # of a small pixel that is resized as a whole: its copies on the way to the resizer


def decoded_size(header: Header, spec: ImageSpec) -> tuple[int, int]:
    """Return the width and height that the decoder makes of a picture."""
    width, height = header.width, header.height
    if header.draft:  # as Pillow does; libjpeg-turbo, asked directly, reduces as far or further
        factor = shrink_factor(width, height, spec)
        if factor >= 2:
            scale = 8 if factor >= 8 else 4 if factor >= 4 else 2
            width, height = -(-width // scale), -(-height // scale)
    return width, height


def peak_bytes(header: Header, size: int, spec: ImageSpec) -> int:
    """Return an upper bound of the bytes that decoding and fitting take; `size`: of the file."""
    width, height = decoded_size(header, spec)
    picture = width * height * header.pixel_bytes
    if width * height <= STRIP:
        fitting = picture + PART_BYTES * width * height
    else:  # a picture may be stored on its side
        fitting = max(
            _fitting(picture, width, height, spec), _fitting(picture, height, width, spec)
        )
    target = _TARGET_BYTES * spec.width * spec.height * spec.channels
    return _FIXED + _FILES * size + max(header.extra_bytes + picture, fitting) + target


def _fitting(picture: int, width: int, height: int, spec: ImageSpec) -> int:
    """Return the bytes that `fit_upright` holds at its peak; `picture`: the decoder's bytes."""
    pixels, factor = width * height, shrink_factor(width, height, spec)
    if pixels <= (STRIP if factor >= 2 else WHOLE):
        return picture + PART_BYTES * pixels
    if factor < 2:
        flat = 3 * spec.height * width
        parts = PART_BYTES * max(STRIP, height)
        return max(picture + flat + parts, 4 * flat + 3 * spec.height * spec.width)
    narrow = 4 * (width // factor) * height
    small = (width // factor) * (height // factor)
    return max(
        picture + narrow + PART_BYTES * max(STRIP, width), narrow + 4 * small, _COPIED * small
    )
