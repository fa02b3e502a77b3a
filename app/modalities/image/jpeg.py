"""The segments of a JPEG file: what they say beside the pixels, and whether all pixels are there.

Limits hang on the content: a JPEG with a multi-picture header is a JPEG.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg

from app.errors import InvalidInput
from app.modalities.image import tiff

MAX_SCANS = 100  # a progressive JPEG has about ten
MAX_SCANNED = 1_500_000_000  # pixels of all scans together: ten scans of the largest picture
_FEW_SCANS = 20  # that any picture may have
MAX_SEGMENTS = 4000  # before the pixels, and of the whole file besides scans
SCAN = 0xDA
"""The marker of a segment that starts a scan."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of segments that say how large the picture is."""
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_HIERARCHICAL = {0xC5, 0xC6, 0xCD, 0xCE}
_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # ends the data of a scan
_NO_FILL = re.compile(rb"[^\xff]")
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE, _PICTURES = b"ICC_PROFILE\0", b"MPF\0"
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
# The remarks: of the application segments all but the first and the 14th, which say what the
# colours are, and comments.
_REMARKS = {0xFE, *range(0xE1, 0xEE), 0xEF}
_REMARK = re.compile(rb"\xff[\xe1-\xed\xef\xfe]")  # may start one
_NUMBER_OF_PICTURES = 0xB001
_END = b"\xff\xd9"


class JpegRemarks(NamedTuple):
    """What stands beside the pixels.

    pixels_only: the stretches of the file without remarks, start and end. pictures: of the file.
    """

    exif: bytes
    xmp: bytes
    profile: bytes
    pictures: int
    pixels_only: list[tuple[int, int | None]]


NO_REMARKS = JpegRemarks(b"", b"", b"", 1, [(0, None)])


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment up to the first scan, where it starts, and where it ends.

    Fill bytes before a marker are skipped. Ends early where there is no segment, and behind
    `MAX_SEGMENTS` of them.
    """
    place, size = 2, len(data)
    for _ in range(MAX_SEGMENTS):
        if place + 4 > size or data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:
            place = _behind_fill(data, place)
            if place + 4 > size:
                return
            marker = data[place + 1]
        if marker in _ALONE:
            place += 2
            continue
        length = data[place + 2] << 8 | data[place + 3]
        if marker in (0x00, 0xD9) or length < 2:
            return
        yield marker, place, place + 2 + length
        if marker == SCAN:
            return
        place += 2 + length


def _behind_fill(data: bytes, place: int) -> int:
    """Return where the last of several bytes of 255 stands; the file's size if none follows."""
    found = _NO_FILL.search(data, place)
    return found.start() - 1 if found else len(data)


def check_frame(data: bytes) -> None:
    """Raise `InvalidInput` for a JPEG of a kind that the decoders here do not read."""
    found = list(segments(data))
    for marker, place, _ in found:
        got = None
        if marker not in FRAMES:
            continue
        if marker in _LOSSLESS or marker in _HIERARCHICAL:
            got = "a lossless one" if marker in _LOSSLESS else "a hierarchical one"
        elif data[place + 4] != 8:
            got = f"one of {data[place + 4]} bits a sample"
        if got is not None:
            raise InvalidInput(f"expected a JPEG of 8 bits, got {got}; convert it to PNG")
    if len(found) >= MAX_SEGMENTS:
        raise _too_many_segments()


def _too_many_segments() -> InvalidInput:
    return InvalidInput(
        f"expected a JPEG of at most {MAX_SEGMENTS:,} segments beside its pixels, got more; "
        "save it anew"
    )


def read_segments(data: bytes) -> JpegRemarks:
    """Read the segments before the first scan."""
    if _REMARK.search(data, 2, data.find(_SCAN)) is None:  # as in most small files
        return NO_REMARKS
    exif, xmp, pictures = b"", b"", 1
    parts: list[bytes] = []
    kept: list[tuple[int, int | None]] = []
    start = 0
    for marker, place, end in segments(data):
        if marker in _REMARKS:
            body = data[place + 4 : end]
            if marker == 0xE1 and body.startswith(_EXIF):
                exif += body[len(_EXIF) :]  # EXIF data of more than 64 KiB takes several segments
            elif marker == 0xE1 and body.startswith(_XMP):
                xmp = xmp or body[len(_XMP) :]
            elif marker == 0xE2 and body.startswith(_PROFILE):
                parts.append(body[len(_PROFILE) :])
            elif marker == 0xE2 and body.startswith(_PICTURES):
                pictures = _pictures(body[len(_PICTURES) :])
            kept.append((start, place))
            start = end
    return JpegRemarks(exif, xmp, _joined(parts), pictures, [*kept, (start, None)])


def _joined(parts: list[bytes]) -> bytes:
    """Return a profile of its numbered parts; nothing if one is missing or there twice."""
    parts.sort(key=lambda part: part[:1])
    numbers = [part[0] for part in parts if len(part) > 1]
    if not numbers or numbers != list(range(1, parts[0][1] + 1)):
        return b""
    return b"".join(part[2:] for part in parts)


def _pictures(body: bytes) -> int:
    try:
        return max(1, tiff.read_directory(body).first.get(_NUMBER_OF_PICTURES, 1))
    except struct.error:
        return 1


def too_many_scans(jpeg: bytes, pixels: int) -> bool:
    """Return whether the scans take too long; count exactly only if there may be too many."""
    found = jpeg.count(_SCAN)
    if found <= _FEW_SCANS:
        return False
    most = min(MAX_SCANS, MAX_SCANNED // max(pixels, 1))
    return found > most and scans(jpeg) > most


def scans(jpeg: bytes) -> int:
    """Count the scans of a JPEG: each costs time in the decoder, even if it has few bytes."""
    return len(_scan_places(jpeg))


def _scan_places(jpeg: bytes) -> list[int]:
    """Return where the segments begin that start a scan; of far too many, the first."""
    places, place = list[int](), 2
    for _ in range(2 * MAX_SEGMENTS):
        if place < 0 or jpeg[place : place + 1] != b"\xff" or len(places) > 10 * MAX_SCANS:
            return places
        place = _behind_fill(jpeg, place)
        here, marker = place, jpeg[place + 1 : place + 2]
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if marker in (b"", b"\xd9"):
            return places
        if marker == b"\xda":
            places.append(here)
            found = _MARKER.search(jpeg, place)
            place = found.start() if found else -1
    raise _too_many_segments()


def with_end(jpeg: bytes) -> bytes | None:
    """Return the file with the mark of its end, which some cameras leave out.

    None if it has the mark, or if pixels are missing: the last scan is cut, or a later one should
    follow.
    """
    if jpeg.rfind(_END, max(jpeg.find(_SCAN), 0)) >= 0:
        return None
    body = jpeg.rstrip(b"\0")
    if body.endswith(b"\xff") and body != jpeg:  # 255 within a scan is followed by 0
        body += b"\0"
    ended = body + (_END[1:] if body.endswith(b"\xff") else _END)
    return ended if _is_whole(ended) else None


def _is_whole(jpeg: bytes) -> bool:
    """Return whether libjpeg decodes all of it without a warning; at an eighth of the size."""
    try:
        space = simplejpeg.decode_jpeg_header(jpeg)[2]
        colours = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}.get(space, "RGB")
        simplejpeg.decode_jpeg(jpeg, colorspace=colours, min_height=1, min_width=1)
    except ValueError:
        return False
    return _has_all_scans(jpeg, {"GRAY": 1, "CMYK": 4}.get(colours, 3))


def _has_all_scans(jpeg: bytes, components: int) -> bool:
    """Return whether every coefficient of every component comes to its last bit."""
    found: dict[int, set[int]] = {}
    for place in _scan_places(jpeg):
        count = jpeg[place + 4] if place + 4 < len(jpeg) else 0
        ends = place + 5 + 2 * count
        first, last, bits = (*jpeg[ends : ends + 3], 0, 0, 0)[:3]
        for component in jpeg[place + 5 : ends : 2]:
            known = found.setdefault(component, set())
            if not bits & 15:  # which bit this scan ends with
                known.update(range(first, last + 1))
    return len(found) == components and all(len(known) >= 64 for known in found.values())
