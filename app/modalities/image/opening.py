"""A picture file, opened by its decoder without what stands beside the pixels.

Which decoder opens a file, and which limits hold, hangs on the content alone. Metadata is read
here, and the decoders of JPEG and PNG never see any: so what they make depends on none but the
orientation and the colour profile.
"""

import io
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from app.errors import InvalidInput
from app.exhaustion import resource_exhausted
from app.modalities.image import frames, jpeg, png, tiff, tiff_samples
from app.modalities.image.boxes import has_text_names
from app.modalities.image.colour import colours_of, profile_of_chunks
from app.modalities.image.header import MAX_PIXELS, MAX_REDUCED_PIXELS, read_header
from app.modalities.image.heic import ADVICE, has_heic, open_heic
from app.modalities.image.kinds import READ, picture_kind, unread_kind
from app.modalities.image.refusals import damaged, too_large
from app.modalities.image.upright import Meaning

_ONE_BYTE = ("1", "L", "P")
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_UNKNOWN_SAMPLES = "unknown pixel mode"  # Pillow's error
_BMP_PROFILE = 70  # where the header of a BMP says that it has a colour profile
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a batch has its threads already


class OpenedPicture(NamedTuple):
    """An opened file. left_out: what `Encoded.truncated` says."""

    image: Image.Image
    meaning: Meaning
    left_out: str | None = None


class _Remarks(NamedTuple):
    """What a file says beside the pixels. profile: of the colours. bits: of deep gray."""

    exif: bytes = b""
    xmp: bytes = b""
    orientation: int | None = None
    profile: bytes = b""
    left_out: str | None = None
    bits: int = 16
    inverted: bool = False
    is_ycbcr: bool = False


def open_picture(data: bytes, size: tuple[int, int]) -> OpenedPicture:
    """Open a file to be shown at a width and height; raise `InvalidInput` if that cannot be.

    A JPEG is opened at a fraction of its size, of at least twice the width and height.
    """
    kind = _checked_kind(data)
    header = read_header(data)
    if kind == "JPEG":
        jpeg.check_frame(data)
    if header is None:
        raise damaged(kind)
    if header.is_too_large:
        raise too_large(header.pixels)
    try:
        image, remarks = _OPENERS[kind](data)
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's decoders raise any exception for damaged files
        raise damaged(kind) from error
    stored = image.width * image.height
    image.draft(None, (2 * size[0], 2 * size[1]))
    if image.width * image.height > MAX_PIXELS or stored > MAX_REDUCED_PIXELS:
        raise too_large(stored)
    if kind == "JPEG" and jpeg.too_many_scans(data, stored):
        raise InvalidInput(
            f"expected a JPEG of at most {jpeg.MAX_SCANS} scans, or fewer if it is very large, "
            "got more; save it anew"
        )
    if _loaded_bytes(image) > header.pixels * header.pixel_bytes:
        raise InvalidInput(f"the header of the {kind} image contradicts itself; save it anew")
    meaning = Meaning(
        _orientation(remarks),
        colours_of(remarks.profile, image.mode) if remarks.profile else None,
        2**remarks.bits - 1,
        remarks.inverted,
        remarks.is_ycbcr,
    )
    return OpenedPicture(image, meaning, remarks.left_out)


def _checked_kind(data: bytes) -> str:
    """Return the kind of a file that a decoder here reads; raise `InvalidInput` for another."""
    kind = picture_kind(data)
    if kind is not None and (kind != "HEIC" or has_heic()):
        return kind
    known = [name for name in READ if name != "HEIC" or has_heic()]
    expected = f"expected a {', '.join(known[:-1])} or {known[-1]} image"
    if kind is not None:
        raise InvalidInput(f"{expected}, got a HEIC image, which needs an extra; {ADVICE}")
    got, advice = unread_kind(data) if data else ("0 bytes", "send one of these")
    raise InvalidInput(f"{expected}, got {got}; {advice}")


def _loaded_bytes(image: Image.Image) -> int:
    """Return the bytes of the pixels once Pillow has decoded them."""
    size = 1 if image.mode in _ONE_BYTE else 2 if image.mode.startswith("I;16") else 4
    return image.width * image.height * size


def _orientation(remarks: _Remarks) -> int:
    """Return which side is up, 1 to 8: by EXIF, or else by XMP; 1 where neither can be read."""
    value = remarks.orientation
    if value is None:
        value = orientation_of(remarks.exif)
    if value is None:
        found = _XMP_ORIENTATION.search(remarks.xmp)
        value = int(found[1]) if found else 1
    return value if 1 <= value <= 8 else 1


def orientation_of(exif: bytes) -> int | None:
    """Return what EXIF data says about the orientation; None for nothing that can be read."""
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        return tiff.read_directory(exif).first.get(tiff.ORIENTATION) if exif else None
    except struct.error:
        return None


_Opened = tuple[ImageFile.ImageFile, _Remarks]


def _jpeg(data: bytes) -> _Opened:
    remarks = jpeg.read_segments(data)
    if len(remarks.pixels_only) > 1:
        data = b"".join(data[start:end] for start, end in remarks.pixels_only)
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg.with_end(data) or data))
    left_out = frames.all_but_first(frames.Count(remarks.pictures), "picture")
    return image, _Remarks(remarks.exif, remarks.xmp, None, remarks.profile, left_out)


def _png(data: bytes) -> _Opened:
    remarks = png.read_chunks(data)
    remarks.check_colours()
    image = PngImagePlugin.PngImageFile(io.BytesIO(remarks.file))
    key = image.info.get("transparency")
    if image.mode == "RGB" and key is not None and data[24] == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)  # as Pillow cuts the pixels
    profile = remarks.profile
    bodies = remarks.bodies
    if not profile and not bodies.keys() & {b"sRGB", b"iCCP", b"cICP"}:
        profile = profile_of_chunks(bodies.get(b"gAMA", b""), bodies.get(b"cHRM", b""))
    left_out = frames.all_but_first(frames.Count(remarks.frames), "frame")
    return image, _Remarks(remarks.exif, remarks.xmp, None, profile, left_out)


def _gif(data: bytes) -> _Opened:
    file = frames.without_remarks(data)
    if file is None:
        raise InvalidInput(
            "expected a GIF with fewer blocks before its first frame, got too many; save it anew"
        )
    image = GifImagePlugin.GifImageFile(io.BytesIO(file))
    return image, _Remarks(left_out=frames.all_but_first(frames.of_gif(data), "frame"))


def _webp(data: bytes) -> _Opened:
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    return image, _from_info(image, frames.of_webp(data), "frame")


def _boxes(data: bytes) -> _Opened:
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    return image, _from_info(image, frames.Count(image.n_frames), "frame")


def _heic(data: bytes) -> _Opened:
    if not has_text_names(data):
        raise InvalidInput(
            "expected a HEIC file whose names of items are UTF-8, got others; save it anew"
        )
    image = open_heic(data)
    return image, _from_info(image, frames.Count(image.n_frames), "picture")


def _from_info(image: ImageFile.ImageFile, count: frames.Count, noun: str) -> _Remarks:
    exif, xmp, profile = (image.info.get(name) for name in ("exif", "xmp", "icc_profile"))
    return _Remarks(
        exif or b"",
        xmp if isinstance(xmp, bytes) else b"",
        None,
        profile or b"",
        frames.all_but_first(count, noun),
    )


def _bmp(data: bytes) -> _Opened:
    profile = b""
    if data[_BMP_PROFILE : _BMP_PROFILE + 4] == b"DEBM" and data[14:18] == b"\x7c\0\0\0":
        place, size = struct.unpack_from("<II", data, 126)
        profile = data[14 + place : 14 + place + size]
    return BmpImagePlugin.BmpImageFile(io.BytesIO(data)), _Remarks(profile=profile)


def _tiff(data: bytes) -> _Opened:
    directory = tiff.read_directory(data)
    tiff_samples.check_samples(data, directory)
    file = tiff_samples.for_pillow(data, directory)
    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(file))
    except SyntaxError as error:
        if str(error) == _UNKNOWN_SAMPLES:
            raise tiff_samples.layout_not_read(directory) from error
        raise
    try:
        # Pillow would turn the picture as a whole.
        image.getexif().pop(ExifTags.Base.Orientation, None)
    except Exception as error:  # as above
        if resource_exhausted(error):
            raise
    pages = frames.all_but_first(tiff.pages(data), "page")
    channels = tiff.channels_left_out(data, directory)
    return image, _Remarks(
        b"",
        directory.value(data, tiff.XMP),
        directory.first.get(tiff.ORIENTATION),
        directory.value(data, tiff.PROFILE),
        "; ".join(filter(None, (pages, channels))) or None,
        bits=12 if directory.first.get(tiff.BITS) == 12 else 16,
        inverted=tiff_samples.white_is_zero(directory),
        is_ycbcr=tiff_samples.is_stored_ycbcr(directory),
    )


_OPENERS: dict[str, Callable[[bytes], _Opened]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
    "AVIF": _boxes,
    "HEIC": _heic,
}
