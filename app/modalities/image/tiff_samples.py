"""Which samples of a TIFF are read, which are refused, and the file as Pillow reads it rightly.

Pillow reads some types of samples as if they were others: signed ones, those of 32 bits, those of
16 bits in separate planes. `check_samples` refuses these by name. The values of the others are
scaled by their type: 0 is black and the largest value white, or the other way round.
"""

import struct
from collections.abc import Iterator, Sequence

from app.errors import InvalidInput
from app.modalities.image import tiff
from app.modalities.image.tiff import Directory
from app.modalities.image.tiff_anew import written_anew

COMPRESSIONS = {
    **dict.fromkeys((34661, 9, 10), "JBIG"),
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((34892, 52546), "lossy or lossless JPEG of a camera"),
    22610: "JPEG XR",
    34887: "LERC",
    50002: "JPEG XL",
}
"""Ways of compressing that a library here does not read, by their numbers."""
_MAX_PARTS = 20_000  # strips or tiles: Pillow makes an object of each
_WHITE_IS_ZERO, _GRAY, _RGB, _YCBCR, _LAB = 0, 1, 2, 6, {8, 9, 10}
_TYPES = {2: "signed integers", 3: "floating point"}
_COLOURS = {
    0: "gray",
    1: "gray",
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    32803: "camera's raw",
    34892: "camera's raw",
}
_JPEG = {6, 7}  # ways of compressing
_FULL_RANGE = (0, 255, 128, 255, 128, 255)  # of luma and both chromas: black and white, as 255
_INSTEAD = "convert it to 8 or 16 bits without sign, for example as PNG"


def check_samples(data: bytes, directory: Directory) -> None:
    """Refuse what Pillow would misread, and more or fewer strips than the picture has."""
    first = directory.first
    samples, bits = first.get(tiff.SAMPLES, 1), first.get(tiff.BITS, 1)
    kind, apart = first.get(tiff.SAMPLE_FORMAT, 1), first.get(tiff.PLANES, 1) == 2 and samples > 1
    got = None
    if kind != 1:
        got = f"{_TYPES.get(kind, 'samples of an unknown type')} of {bits} bits"
    elif bits > 16:
        got = f"integers of {bits} bits, of which no value is known to be white"
    elif first.get(tiff.PHOTOMETRIC) in _LAB:
        got = "CIELAB colours"
    elif samples == 2 and (bits > 8 or apart or first.get(tiff.EXTRA_SAMPLES) == 1):
        got = f"gray and transparency of {bits} bits, multiplied or apart"
    elif apart and bits > 8:
        got = f"{samples} samples of {bits} bits in separate planes"
    elif is_stored_ycbcr(directory):
        got = _odd_ycbcr(data, directory)
    if got is not None:
        raise _refused(got)
    found = first.get(tiff.COMPRESSION, 1)
    if found in COMPRESSIONS:
        raise InvalidInput(
            f"expected a TIFF that is not compressed, or by LZW, Deflate, JPEG or fax, got "
            f"{COMPRESSIONS[found]}; save it with one of these"
        )
    _check_parts(directory, samples if apart else 1)


def layout_not_read(directory: Directory) -> InvalidInput:
    """Return the refusal of samples that Pillow has no reader for."""
    first = directory.first
    samples, further = first.get(tiff.SAMPLES, 1), directory.counts.get(tiff.EXTRA_SAMPLES, 0)
    photometric = first.get(tiff.PHOTOMETRIC, 0)
    colour = _COLOURS.get(photometric, f"colours of the unknown kind {photometric}")
    got = f"{colour} of {samples} samples of {first.get(tiff.BITS, 1)} bits"
    return _refused(got + (f", {further} of them further channels" if further else ""))


def _refused(got: str) -> InvalidInput:
    return InvalidInput(f"expected a TIFF of 8 or 16 bits without sign, got {got}; {_INSTEAD}")


def _check_parts(directory: Directory, planes: int) -> None:
    first = directory.first
    width, height = first.get(tiff.WIDTH, 0), first.get(tiff.LENGTH, 0)
    across, down = width, min(first.get(tiff.ROWS_PER_STRIP, height), height)
    if tiff.STRIPS not in first and tiff.TILE_WIDTH in first:
        across, down = first[tiff.TILE_WIDTH], first.get(tiff.TILE_LENGTH, 0)
    needed = planes * -(-width // max(across, 1)) * -(-height // max(down, 1))
    parts = max(directory.counts.get(tag, 0) for tag in (tiff.STRIPS, tiff.TILES))
    if parts and parts != needed:
        raise InvalidInput(
            f"the header of the TIFF image contradicts itself: {parts} strips or tiles, where the "
            f"picture has {needed}; save it anew"
        )
    if parts > _MAX_PARTS:
        raise InvalidInput(
            f"expected a TIFF of at most {_MAX_PARTS} strips or tiles, got more; save it with "
            "larger ones"
        )


def is_stored_ycbcr(directory: Directory) -> bool:
    """Return whether the samples are luma and chroma that no JPEG decoder turns into RGB."""
    first = directory.first
    compression = first.get(tiff.COMPRESSION, 1)
    return first.get(tiff.PHOTOMETRIC) == _YCBCR and compression not in _JPEG


def _odd_ycbcr(data: bytes, directory: Directory) -> str | None:
    """Return what is not read of luma and chroma; None for one sample of each a pixel."""
    first = directory.first
    if (first.get(tiff.SAMPLES, 1), first.get(tiff.BITS, 1)) != (3, 8):
        return f"YCbCr of {first.get(tiff.SAMPLES, 1)} samples of {first.get(tiff.BITS, 1)} bits"
    if directory.numbers(data, tiff.SUBSAMPLING) != (1, 1):  # by default it is (2, 2)
        return "YCbCr with fewer samples of chroma that is not compressed as JPEG"
    ranges = directory.numbers(data, tiff.RANGES)
    if ranges and tuple(a / max(b, 1) for a, b in _pairs(ranges)) != _FULL_RANGE:
        return "YCbCr of a limited range"
    return None


def _pairs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(numbers[::2], numbers[1::2], strict=False)


def white_is_zero(directory: Directory) -> bool:
    """Return whether 0 is white in samples that Pillow reads as if it were black."""
    first = directory.first
    if first.get(tiff.PHOTOMETRIC, _WHITE_IS_ZERO) != _WHITE_IS_ZERO:
        return False
    return first.get(tiff.SAMPLES, 1) == 2 or first.get(tiff.BITS, 1) > 8


def for_pillow(data: bytes, directory: Directory) -> bytes:
    """Return a file with the same samples whose first picture Pillow reads as they are.

    Gray has 0 for black, which Pillow reads for every type. Luma and chroma are called RGB: how
    Pillow reads them hangs on the compression. 12 bits are in the order of bytes that Pillow
    knows, in which their bits are the same, and a BigTIFF with the highest byte first is none.
    """
    is_deep = directory.first.get(tiff.BITS) == 12
    order = tiff.byte_order(data)
    photometric = None
    if white_is_zero(directory):
        photometric = _GRAY
    elif is_stored_ycbcr(directory):
        photometric = _RGB
    if order == ">" and (is_deep or tiff.is_big(data)):
        changed = {} if photometric is None else {tiff.PHOTOMETRIC: photometric}
        return written_anew(data, "<" if is_deep else ">", changed)
    if photometric is None or tiff.PHOTOMETRIC not in directory.places:
        return data
    at, form = directory.places[tiff.PHOTOMETRIC]
    return data[:at] + struct.pack(form, photometric) + data[at + struct.calcsize(form) :]
