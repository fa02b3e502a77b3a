"""Image files → one uint8 (or normalised float32) tensor.

Reads JPEG, PNG, WebP, GIF, BMP and TIFF, recognised by their content, and of several frames or
pages the first. The encoder applies the EXIF orientation, puts transparent pictures on white,
scales 16-bit gray to 8 bits, and converts CMYK to RGB. It checks the header's pixel count before it
decodes. Plain JPEGs are decoded by libjpeg-turbo without Pillow, whose overhead is larger than the
decoding of a small picture.
"""

import io
import re
from collections.abc import Mapping

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from app.errors import InvalidInput
from app.modalities.image.header import (
    JPEG_MARK,
    MAX_PIXELS,
    PNG_MARK,
    read_header,
    without_texts,
)
from app.modalities.image.memory import peak_bytes
from app.modalities.image.resize import fit_image, fit_upright
from app.modalities.image.spec import ImageSpec
from app.modalities.image.upright import Upright, orientation_of, recoloured
from app.modalities.payload import Encoded, Payload

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_BYTE_MODES = ("1", "L", "P")
_MODES = {1: "L", 3: "RGB"}  # Pillow's, by channels
MAX_SCANS = 100  # a progressive JPEG has about ten
_SCAN = b"\xff\xda"  # starts a scan
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # ends the data of a scan
_UNUSUAL_PIXELS = 1_000_000  # at least, of which the time is not known well
_HEAD = 2**16  # bytes in which EXIF data starts
_PLAIN = {"YCbCr": "RGB", "Gray": "GRAY"}  # colour spaces of a JPEG, and what they become
Size = tuple[int, int]  # height and width of an upright picture
_EXIF = b"Exif\x00\x00"
_EXPECTED = "expected a JPEG, PNG, WebP, GIF, BMP or TIFF image"


class ImageEncoder:
    """Decodes, orients, fits and lays out images as `spec` says."""

    media_types = "image/*"

    def __init__(self, spec: ImageSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `image/…`; the content decides about the format."""
        return media_type.startswith("image/")

    def cost(self, payload: Payload) -> float:
        """Estimate by the size of the file and its pixels, at least 1 MP for rare formats."""
        header = read_header(payload.data, size_only=True)
        pixels = 0 if header is None else header.pixels
        if header is None or not header.is_usual:
            pixels = max(pixels, _UNUSUAL_PIXELS)
        return 5e-5 + 2e-8 * len(payload.data) + 1e-8 * pixels

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the decoder's picture, and of what is made of it by strips."""
        header = read_header(payload.data)
        return 0 if header is None else peak_bytes(header, self.spec)

    def encode(self, payload: Payload) -> Encoded[Size]:
        """Return `{"image": (height, width, channels)}`, or with the channels first by the spec."""
        spec = self.spec
        pixels, size = _pixels(payload.data, spec)
        if spec.channel_order == "BGR":
            pixels = pixels[..., ::-1]
        if spec.dtype == "float32":
            mean = np.asarray(spec.mean or (0.0,), dtype=np.float32)
            std = np.asarray(spec.std or (1.0,), dtype=np.float32)
            pixels = ((pixels / np.float32(255) - mean) / std).astype(np.float32)
        if spec.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        if not (pixels.flags.c_contiguous and pixels.flags.writeable):  # decoders' memory
            pixels = np.array(pixels, order="C")
        return Encoded({"image": pixels}, context=size)


def _pixels(data: bytes, spec: ImageSpec) -> tuple[np.ndarray, Size]:
    """Return the upright picture at the spec's size, uint8, and the size from which it was made.

    Raises `InvalidInput`.
    """
    plain = _plain_jpeg(data, spec)
    if plain is None:
        return _decode(data, spec)
    pixels = plain if plain.shape[2] == spec.channels else recoloured(plain)
    return fit_image(pixels, spec), (plain.shape[0], plain.shape[1])


def _plain_jpeg(data: bytes, spec: ImageSpec) -> np.ndarray | None:
    """Decode a JPEG that is upright, gray or YCbCr, and complete; return None for any other.

    Decoding a JPEG at a fraction of its size costs a fraction of the time. The result has at least
    twice the target's size, which is enough for the resampling filter.
    """
    header = _jpeg_header(data)
    if header is None or header[2] not in _PLAIN or header[0] * header[1] > MAX_PIXELS:
        return None
    if data.find(_EXIF, 0, _HEAD) >= 0 or _too_many_scans(data):
        return None
    height, width = min(header[0], 2 * spec.height), min(header[1], 2 * spec.width)
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data, colorspace=_PLAIN[header[2]], min_height=height, min_width=width
        )
        return pixels
    except ValueError:  # Pillow may decode it, or gives the reason
        return None


def _jpeg_header(data: bytes) -> tuple[int, int, str] | None:
    """Return height, width and colour space; None if the file is no JPEG."""
    if not data.startswith(JPEG_MARK):
        return None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return height, width, space


def _decode(data: bytes, spec: ImageSpec) -> tuple[np.ndarray, Size]:
    """Return what `_pixels` returns of a picture that Pillow decodes; raise `InvalidInput`."""
    if not data:
        raise InvalidInput(f"{_EXPECTED}, got 0 bytes")
    image = _open(data)
    try:
        image.draft(None, (2 * spec.width, 2 * spec.height))  # as in `_plain_jpeg`
        orientation = orientation_of(image)
        image.load()
        upright = Upright(image, orientation, _MODES[spec.channels])
        return fit_upright(upright, spec), (upright.shape[0], upright.shape[1])
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise any exception for damaged files
        raise InvalidInput(f"the {image.format} image is truncated or damaged") from error


def _open(data: bytes) -> Image.Image:
    """Read the header; raise `InvalidInput` if the file is no image or the image is too large."""
    too_large = f"expected at most {MAX_PIXELS // 10**6} megapixels, got more; send a smaller one"
    header = read_header(data)
    if data.startswith(b"GIF") and header is not None and header.pixels > MAX_PIXELS:
        # Pillow makes room for its first frame when it opens the file.
        raise InvalidInput(too_large)
    try:
        file = io.BytesIO(without_texts(data) if data.startswith(PNG_MARK) else data)
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise InvalidInput(f"{_EXPECTED}, got something else") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidInput(too_large) from None
    except Exception as error:  # as above
        raise InvalidInput(f"{_EXPECTED}, but its header is damaged") from error
    if image.width * image.height > MAX_PIXELS:
        raise InvalidInput(too_large)
    if data.startswith(JPEG_MARK) and _too_many_scans(data):  # Pillow may call the format MPO
        raise InvalidInput(f"expected a JPEG of at most {MAX_SCANS} scans, got more")
    if header is None or _loaded_bytes(image) > header.pixels * header.pixel_bytes:
        raise InvalidInput(f"the header of the {image.format} image contradicts itself")
    return image


def _loaded_bytes(image: Image.Image) -> int:
    """Return the bytes of the pixels once Pillow has decoded them."""
    size = 1 if image.mode in _BYTE_MODES else 2 if image.mode.startswith("I;16") else 4
    return image.width * image.height * size


def _too_many_scans(jpeg: bytes) -> bool:
    """Return whether there are more than `MAX_SCANS`; count exactly only if there may be."""
    return jpeg.count(_SCAN) > MAX_SCANS and scans(jpeg) > MAX_SCANS


def scans(jpeg: bytes) -> int:
    """Count the scans of a JPEG: each costs time in the decoder, even if it has few bytes."""
    count, place = 0, 2
    while place >= 0 and jpeg[place : place + 1] == b"\xff":
        marker = jpeg[place + 1 : place + 2]
        if marker == b"\xff":  # fill
            place += 1
            continue
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if marker == b"\xd9":
            break
        if marker == b"\xda":
            count += 1
            found = _MARKER.search(jpeg, place)
            place = found.start() if found else -1
    return count
