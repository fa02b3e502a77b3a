"""Image files → one uint8 (or normalised float32) tensor.

Reads JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and, with an extra, HEIC, recognised by their content,
and of several frames or pages the first, which the result says. The encoder applies the EXIF
orientation and the colour profile, puts transparent pictures on white, and scales 16-bit gray to 8
bits. It checks the header's pixel count before it decodes. Plain JPEGs are decoded by libjpeg-turbo
without Pillow, whose overhead is larger than the decoding of a small picture.
"""

from collections.abc import Mapping

import numpy as np
import simplejpeg

from app.errors import InvalidInput
from app.modalities.image import frames, jpeg
from app.modalities.image.colour import colours_of
from app.modalities.image.header import MAX_PIXELS, Header, read_header
from app.modalities.image.kinds import JPEG_MARK, picture_kind
from app.modalities.image.memory import decoded_size, peak_bytes
from app.modalities.image.opening import open_picture
from app.modalities.image.refusals import damaged
from app.modalities.image.resize import fit_image, fit_upright
from app.modalities.image.spec import ImageSpec
from app.modalities.image.upright import Upright, recoloured
from app.modalities.payload import Encoded, Payload

_MODES = {1: "L", 3: "RGB"}  # Pillow's, by channels
_UNUSUAL_PIXELS = 1_000_000  # at least, of which the time is not known well
_PLAIN = {"YCbCr": "RGB", "Gray": "GRAY"}  # colour spaces of a JPEG, and what they become
Size = tuple[int, int]  # height and width of an upright picture


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
        pixels = 0 if header is None or header.is_too_large else header.pixels
        if not pixels or header is None or not header.is_usual:
            pixels = max(pixels, _UNUSUAL_PIXELS)
        return 5e-5 + 2e-8 * len(payload.data) + 1e-8 * pixels

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the decoder's picture, and of what is made of it by strips.

        0 for a file that `encode` refuses by its header: it says so in pixels.
        """
        header = read_header(payload.data)
        if header is None or _is_refused(header, self.spec):
            return 0
        return peak_bytes(header, len(payload.data), self.spec)

    def encode(self, payload: Payload) -> Encoded[Size]:
        """Return `{"image": (height, width, channels)}`, or with the channels first by the spec."""
        spec = self.spec
        pixels, size, left_out = _pixels(payload.data, spec)
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
        return Encoded({"image": pixels}, left_out, size)


def _is_refused(header: Header, spec: ImageSpec) -> bool:
    """Return whether a picture has too many pixels, or too many are left of it to be decoded."""
    width, height = decoded_size(header, spec)
    return header.is_too_large or width * height > MAX_PIXELS


def _pixels(data: bytes, spec: ImageSpec) -> tuple[np.ndarray, Size, str | None]:
    """Return the upright picture at the spec's size, uint8, its own size, and what was left out.

    Raises `InvalidInput`.
    """
    plain = _plain_jpeg(data, spec)
    if plain is None:
        return _decode(data, spec)
    pixels, left_out = plain
    shape = (pixels.shape[0], pixels.shape[1])
    if pixels.shape[2] != spec.channels:
        pixels = recoloured(pixels)
    return fit_image(pixels, spec), shape, left_out


def _plain_jpeg(data: bytes, spec: ImageSpec) -> tuple[np.ndarray, str | None] | None:
    """Decode a JPEG that is upright, gray or YCbCr in sRGB, and complete; else return None.

    Decoding a JPEG at a fraction of its size costs a fraction of the time. The result has at least
    twice the target's size, which is enough for the resampling filter.
    """
    header = _jpeg_header(data)
    if header is None or header[2] not in _PLAIN or header[0] * header[1] > MAX_PIXELS:
        return None
    if read_header(data) is None:  # its memory is not known
        return None
    remarks, colours = jpeg.read_segments(data), _PLAIN[header[2]]
    if jpeg.too_many_scans(data, header[0] * header[1]):
        return None
    if remarks is not jpeg.NO_REMARKS and _is_turned_or_coloured(remarks, colours):
        return None
    height, width = min(header[0], 2 * spec.height), min(header[1], 2 * spec.width)
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data, colorspace=colours, min_height=height, min_width=width
        )
    except ValueError:  # Pillow may decode it, or gives the reason
        return None
    return pixels, frames.all_but_first(frames.Count(remarks.pictures), "picture")


def _is_turned_or_coloured(remarks: jpeg.JpegRemarks, colours: str) -> bool:
    """Return whether the pixels may have to be turned, or are not of sRGB."""
    if remarks.exif or b"Orientation" in remarks.xmp:
        return True
    mode = "L" if colours == "GRAY" else "RGB"
    return bool(remarks.profile) and colours_of(remarks.profile, mode) is not None


def _jpeg_header(data: bytes) -> tuple[int, int, str] | None:
    """Return height, width and colour space; None if the file is no JPEG."""
    if not data.startswith(JPEG_MARK):
        return None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return height, width, space


def _decode(data: bytes, spec: ImageSpec) -> tuple[np.ndarray, Size, str | None]:
    """Return what `_pixels` returns of a picture that Pillow decodes; raise `InvalidInput`."""
    picture = open_picture(data, (spec.width, spec.height))
    try:
        picture.image.load()
        upright = Upright(picture.image, picture.meaning, _MODES[spec.channels])
        shape = (upright.shape[0], upright.shape[1])
        return fit_upright(upright, spec), shape, picture.left_out
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise any exception for damaged files
        raise damaged(picture_kind(data)) from error
