"""Image files → one uint8 (or normalised float32) tensor.

Reads JPEG, PNG, WebP, GIF, BMP and TIFF, told apart by content, never by name; of an
animation or a stack of pages the first. EXIF orientation is applied, transparency is
laid on white, 16-bit gray is scaled (not clipped) to 8 bits, CMYK becomes RGB. The
header's pixel count is checked before a pixel is decoded.
"""

import io
import re
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from app.bundle import ImageSpec
from app.errors import InvalidInput
from app.inputs.payload import Encoded, Payload

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000  # 192 MB as RGB, the most that one image may take in memory
_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
MAX_SCANS = 100  # a progressive JPEG has about ten
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # what ends a scan's data
_STRIP = 2**22  # pixels converted at a time
_EXPECTED = "expected a JPEG, PNG, WebP, GIF, BMP or TIFF image"


class ImageEncoder:
    """Decodes, orients, fits and lays out images as `spec` says."""

    media_types = "image/*"

    def __init__(self, spec: ImageSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    def accepts(self, media_type: str) -> bool:
        """Any `image/…`: the content decides what it really is."""
        return media_type.startswith("image/")

    def encode(self, payload: Payload) -> Encoded:
        """Return `{"image": (height, width, channels)}`, or channels first if so laid out."""
        spec = self.spec
        image = _fit(_decode(payload.data, spec), spec)
        pixels = np.asarray(image).reshape(spec.height, spec.width, spec.channels)
        if spec.channel_order == "BGR":
            pixels = pixels[..., ::-1]
        if spec.dtype == "float32":
            mean = np.asarray(spec.mean or (0.0,), dtype=np.float32)
            std = np.asarray(spec.std or (1.0,), dtype=np.float32)
            pixels = ((pixels / np.float32(255) - mean) / std).astype(np.float32)
        if spec.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        return Encoded({"image": np.array(pixels, order="C")})  # Pillow's memory is read-only


def _decode(data: bytes, spec: ImageSpec) -> Image.Image:
    """Return the upright picture, mode L or RGB; raise `InvalidInput` when unreadable."""
    if not data:
        raise InvalidInput(f"{_EXPECTED}, got 0 bytes")
    image = _open(data)
    try:
        # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size for a fraction of the cost;
        # twice the target leaves the resampling filter enough to work with.
        image.draft(None, (2 * spec.width, 2 * spec.height))
        image.load()
        return _flatten(_upright(image), "L" if spec.channels == 1 else "RGB")
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise what they like on damaged files
        raise InvalidInput(f"the {image.format} image is truncated or damaged") from error


def _open(data: bytes) -> Image.Image:
    """Read the header; raise `InvalidInput` for what is no image or would be too large."""
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
    if image.format == "JPEG" and scans(data) > MAX_SCANS:
        raise InvalidInput(f"expected a JPEG of at most {MAX_SCANS} scans, got more")
    return image


def scans(jpeg: bytes) -> int:
    """Count the passes over the picture: each costs a decoder time, however few its bytes."""
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
    """Apply the EXIF orientation; unreadable EXIF data is no reason to refuse a picture."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    """Convert to `mode`, 8 bits a channel, transparency laid on white."""
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
    """Scale 0..65535 to 0..255, rounded; strip by strip, so that no large copy is made."""
    shallow = np.empty(deep.shape, dtype=np.uint8)
    rows = max(1, _STRIP // deep.shape[1])
    for top in range(0, len(deep), rows):
        strip = deep[top : top + rows].astype(np.float32).clip(0, 65535)
        shallow[top : top + rows] = (strip / 257).round()
    return shallow


def _fit(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Resize to the spec's size; every part of the result comes from at least one pixel."""
    size, filter_ = (spec.width, spec.height), _RESAMPLING[spec.resample]
    if spec.fit == "pad":
        # As ImageOps.pad, which would leave nothing of a picture that is very long and thin.
        wide = min(spec.width, max(1, round(image.width / image.height * spec.height)))
        high = min(spec.height, max(1, round(image.height / image.width * spec.width)))
        canvas = Image.new(image.mode, size)
        place = round((spec.width - wide) * 0.5), round((spec.height - high) * 0.5)
        canvas.paste(image.resize((wide, high), filter_), place)
        return canvas
    if spec.fit == "stretch":
        return image if image.size == size else image.resize(size, filter_)
    scale = spec.crop_fraction * min(image.width / spec.width, image.height / spec.height)
    across, down = spec.width * scale, spec.height * scale
    left, top = (image.width - across) / 2, (image.height - down) / 2
    box = (max(left, 0.0), max(top, 0.0), left + across, top + down)
    box = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))
    return image.resize(size, filter_, box=box)
