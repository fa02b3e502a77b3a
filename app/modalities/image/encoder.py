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
from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import InvalidInput
from app.modalities.image.resize import fit_image, shrunk
from app.modalities.image.spec import ImageSpec
from app.modalities.payload import Encoded, Payload

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000  # 192 MB as RGB, the most that one image may take in memory
_MODES = {1: "L", 3: "RGB"}  # Pillow's, by channels
MAX_SCANS = 100  # a progressive JPEG has about ten
_SCAN = b"\xff\xda"  # starts a scan
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # ends the data of a scan
_STRIP = 2**22  # pixels converted at a time
_UNTOLD_PIXELS = 1_000_000
_FRAMES = {bytes((0xFF, kind)) for kind in range(0xC0, 0xD0)} - {
    b"\xff\xc4",
    b"\xff\xc8",
    b"\xff\xcc",
}
_SEGMENTS = 50  # segments of a JPEG's header that are read
_HEAD = 2**16  # bytes in which EXIF data starts
_PLAIN = {"YCbCr": "RGB", "Gray": "GRAY"}  # colour spaces of a JPEG, and what they become
_EXIF = b"Exif\x00\x00"
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_EXPECTED = "expected a JPEG, PNG, WebP, GIF, BMP or TIFF image"


class ImageEncoder:
    """Decodes, orients, fits and lays out images as `spec` says."""

    media_types = "image/*"

    def __init__(self, spec: ImageSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    def accepts(self, media_type: str) -> bool:
        """Accept any `image/…`; the content decides about the format."""
        return media_type.startswith("image/")

    def cost(self, payload: Payload) -> float:
        """Estimate by file size and header dimensions; 1 MP for formats without a cheap header."""
        data = payload.data
        if data.startswith(_PNG):
            pixels = int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
        else:
            pixels = _jpeg_pixels(data)
        return 5e-5 + 2e-8 * len(data) + 1e-8 * pixels

    def encode(self, payload: Payload) -> Encoded[None]:
        """Return `{"image": (height, width, channels)}`, or with the channels first by the spec."""
        spec = self.spec
        pixels = _pixels(payload.data, spec)
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
        return Encoded({"image": pixels})


def _pixels(data: bytes, spec: ImageSpec) -> np.ndarray:
    """Return the upright picture at the spec's size, uint8; raise `InvalidInput`."""
    plain = _plain_jpeg(data, spec)
    if plain is None:
        plain = _decode(data, spec)
    elif plain.shape[2] != spec.channels:
        image = Image.fromarray(plain[..., 0] if plain.shape[2] == 1 else plain)
        plain = _array(image.convert(_MODES[spec.channels]))
    return fit_image(plain, spec)


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


def _jpeg_pixels(data: bytes) -> int:
    """Return the number of pixels by a JPEG's header, or a high estimate for any other file.

    It takes a tenth of the time that a decoder needs to start.
    """
    if not data.startswith(_JPEG):
        return _UNTOLD_PIXELS
    place = len(_JPEG) - 1
    for _ in range(_SEGMENTS):
        marker = data[place : place + 2]
        if marker in _FRAMES:
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(height, "big") * int.from_bytes(width, "big")
        if not marker.startswith(b"\xff") or marker == b"\xff\xff":
            break
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return MAX_PIXELS


def _jpeg_header(data: bytes) -> tuple[int, int, str] | None:
    """Return height, width and colour space; None if the file is no JPEG."""
    if not data.startswith(_JPEG):
        return None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return height, width, space


def _decode(data: bytes, spec: ImageSpec) -> np.ndarray:
    """Return the upright picture, uint8 (height, width, channels); raise `InvalidInput`."""
    if not data:
        raise InvalidInput(f"{_EXPECTED}, got 0 bytes")
    image = _open(data)
    try:
        image.draft(None, (2 * spec.width, 2 * spec.height))  # as in `_plain_jpeg`
        image.load()
        return _array(shrunk(_flatten(_upright(image), _MODES[spec.channels]), spec))
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise any exception for damaged files
        raise InvalidInput(f"the {image.format} image is truncated or damaged") from error


def _array(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image in mode L or RGB, uint8 (height, width, channels)."""
    return np.asarray(image).reshape(image.height, image.width, -1)


def _open(data: bytes) -> Image.Image:
    """Read the header; raise `InvalidInput` if the file is no image or the image is too large."""
    too_large = f"expected at most {MAX_PIXELS // 10**6} megapixels, got more; send a smaller one"
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise InvalidInput(f"{_EXPECTED}, got something else") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidInput(too_large) from None
    except Exception as error:  # as above
        raise InvalidInput(f"{_EXPECTED}, but its header is damaged") from error
    if image.width * image.height > MAX_PIXELS:
        raise InvalidInput(too_large)
    if image.format == "JPEG" and _too_many_scans(data):
        raise InvalidInput(f"expected a JPEG of at most {MAX_SCANS} scans, got more")
    return image


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


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; ignore unreadable EXIF data."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


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
    """Scale 0..65535 to 0..255, rounded; strip by strip, which avoids a large copy."""
    shallow = np.empty(deep.shape, dtype=np.uint8)
    rows = max(1, _STRIP // deep.shape[1])
    for top in range(0, len(deep), rows):
        strip = deep[top : top + rows].astype(np.float32).clip(0, 65535)
        shallow[top : top + rows] = (strip / 257).round()
    return shallow
