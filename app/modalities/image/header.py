"""The size of a picture and the memory that its decoding takes, from its header, without a decoder.

Reading takes about a microsecond for PNG and JPEG, and a few for other formats. The numbers are
upper bounds: where a header can be understood in two ways, the larger one counts. A test compares
them with the memory that a process really takes. `app.modalities.image.encoder` refuses a file of
which Pillow reads a larger picture than was announced here.
"""

import struct
from typing import NamedTuple

from app.modalities.image import png, tiff
from app.modalities.image.boxes import boxed_size
from app.modalities.image.kinds import JPEG_MARK, PNG_MARK, TIFF_MARKS, picture_kind

MAX_PIXELS = 64_000_000  # 256 MB in a decoder's memory
_PNG_BYTES = {0: 1, 2: 4, 3: 1, 4: 4, 6: 4}  # of a pixel in Pillow's memory, by colour type
_PNG_EXTRA = 3 * 2**20  # its texts that say which side is up, decompressed
_PROFILE_COPIES = 4  # of a colour profile: its bytes, and what the library makes of them
_LONG_PROFILE = 2**18  # bytes, more than which take more memory than an item may have uncounted
_FRAMES = {bytes((0xFF, kind)) for kind in range(0xC0, 0xD0)} - {
    b"\xff\xc4",
    b"\xff\xc8",
    b"\xff\xcc",
}
_PNG_SIZE, _JPEG_FRAME = struct.Struct(">IIBB"), struct.Struct(">HHB")
_SEQUENTIAL = {b"\xff\xc0", b"\xff\xc1", b"\xff\xc9"}
_SEGMENTS = 1000  # of a JPEG, and extensions of a GIF, that are read
_COEFFICIENT = 2  # bytes that libjpeg keeps for each sample of a JPEG with several scans
_GIF_BYTES = 3  # one for the frame, two where it is to be erased
_WEBP_BYTES = 19  # libwebp's two canvases, the copy for Pillow, and Pillow's
_RLE_BYTES = 5  # Pillow's decoder of compressed BMP files is written in Python
_BOXES_BYTES = 20  # of a pixel: the planes of AVIF or HEIC, in up to 16 bits, and their copies
_BOXES_FIXED = 2**23  # of their decoders
_LONGEST = 2**31 - 1  # of an edge


class Header(NamedTuple):
    """A picture as it is stored.

    pixel_bytes: of a decoded pixel in memory. extra_bytes: of what the decoder holds beside the
    decoded pixels. draft: whether the decoder can reduce the size on its way. is_usual: whether it
    is a PNG or JPEG file as encoders write them.
    """

    width: int
    height: int
    pixel_bytes: int
    extra_bytes: int = 0
    draft: bool = False
    is_usual: bool = False

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    @property
    def is_sequential(self) -> bool:
        """Whether it is a JPEG of which a decoder keeps no more than the reduced pixels."""
        return self.draft and not self.extra_bytes


# A JPEG whose frame cannot be found: thousands of segments may hide one of any size.
_HIDDEN = Header(MAX_PIXELS, 1, 4, 4 * _COEFFICIENT * MAX_PIXELS)


def read_header(data: bytes, *, size_only: bool = False) -> Header | None:
    """Return what the header says; None for a file that no decoder here can open.

    size_only: leave out `extra_bytes` where that saves time.
    """
    try:
        if data.startswith(PNG_MARK):
            return _png(data)
        if data.startswith(JPEG_MARK):
            return _jpeg(data, size_only)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _gif(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            return _bmp(data)
        if data[:4] in TIFF_MARKS:
            return _tiff(data)
        if picture_kind(data) is not None:  # AVIF and HEIC
            return _boxes(data)
    except (struct.error, IndexError):  # shorter than its header
        return None
    return None


def _png(data: bytes) -> Header:
    width, height, bits, kind = _PNG_SIZE.unpack_from(data, 16)
    size = 2 if kind == 0 and bits == 16 else _PNG_BYTES.get(kind, 4)
    profile = 0 if data[37:41] == b"IDAT" else png.profile_size(data)
    extra = max(_PNG_EXTRA, _PROFILE_COPIES * profile)
    return Header(width, height, size, extra, is_usual=profile < _LONG_PROFILE)


def _jpeg(data: bytes, size_only: bool) -> Header:
    """Read the frame and the first scan; assume the worst where they cannot be found.

    All samples stay in memory until the last scan, if there are several. So it is where the
    frame is progressive, and where the first scan lacks a component.
    """
    place, width, height, count, at = len(JPEG_MARK) - 1, 0, 0, 0, 0
    usual, keeps = True, not size_only
    for _ in range(_SEGMENTS):
        marker = data[place : place + 2]
        if marker in _FRAMES:
            height, width, count = _JPEG_FRAME.unpack_from(data, place + 5)
            at = place + 10
            if size_only or marker not in _SEQUENTIAL:
                break
        elif marker == b"\xff\xda" and count:
            keeps = data[place + 4] != count
            break
        elif marker == b"\xff\xff":  # fill
            place, usual = place + 1, False
            continue
        elif not marker.startswith(b"\xff"):
            break
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    if not count:
        return _HIDDEN
    kept = _COEFFICIENT * _samples(width, height, data[at : at + 3 * count]) if keeps else 0
    # Gray pixels may become RGB, and the other way round, while both are there.
    return Header(width, height, 4, kept, True, usual)


def _samples(width: int, height: int, sampling: bytes) -> int:
    """Return how many samples all components of a JPEG have, padded to whole blocks."""
    across = [max(1, factors >> 4) for factors in sampling[1::3]]
    down = [max(1, factors & 15) for factors in sampling[1::3]]
    if not across:
        return 0
    padded_width, padded_height = width + 8 * max(across), height + 8 * max(down)
    return sum(
        (padded_width * a // max(across)) * (padded_height * d // max(down))
        for a, d in zip(across, down, strict=True)
    )


def _gif(data: bytes) -> Header:
    """Read the canvas, and the first frame, which may be larger."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    for _ in range(_SEGMENTS):
        if data[place] == 0x2C:
            left, top, across, down = struct.unpack_from("<HHHH", data, place + 1)
            return Header(max(width, left + across), max(height, top + down), _GIF_BYTES)
        place += 2 if data[place] == 0x21 else 1
        for _ in range(1000):  # blocks of an extension
            if not data[place]:
                break
            place += 1 + data[place]
        place += 1
    return Header(width, height, _GIF_BYTES)


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8X":
        size = [1 + int.from_bytes(data[place : place + 3], "little") for place in (24, 27)]
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        size = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
    else:
        size = [edge & 0x3FFF for edge in struct.unpack_from("<HH", data, 26)]
    return Header(size[0], size[1], 4, (_WEBP_BYTES - 4) * size[0] * size[1])


def _bmp(data: bytes) -> Header:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return Header(width, height, 1 if bits <= 8 else 4)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    width, height = abs(width), abs(height)
    extra = (_RLE_BYTES - 1) * width * height if compression in (1, 2) else 0
    return Header(width, height, 1 if bits <= 8 else 4, extra)


def _tiff(data: bytes) -> Header:
    tags = tiff.read_directory(data).first
    width, height = tags.get(tiff.WIDTH, 0), tags.get(tiff.LENGTH, 0)
    samples, bits = tags.get(tiff.SAMPLES, 1), tags.get(tiff.BITS, 1)
    if samples == 1 and bits <= 8:
        size = 1
    elif samples == 1 and bits <= 16 and tags.get(tiff.SAMPLE_FORMAT, 1) == 1:
        size = 2
    else:
        size = 4
    rows = min(tags.get(tiff.ROWS_PER_STRIP, height), height)
    chunk = width * rows
    if tiff.TILE_WIDTH in tags:
        chunk = tags[tiff.TILE_WIDTH] * tags.get(tiff.TILE_LENGTH, 1)
    stored = max(4 if tags.get(tiff.PHOTOMETRIC) == 6 else 1, samples * ((bits + 7) // 8))
    extra = chunk * stored if tags.get(tiff.COMPRESSION, 1) != 1 else 0
    return Header(min(width, _LONGEST), min(height, _LONGEST), size, extra)


def _boxes(data: bytes) -> Header | None:
    size = boxed_size(data)
    if size is None:
        return None
    width, height = (min(edge, _LONGEST) for edge in size)
    return Header(width, height, 4, (_BOXES_BYTES - 4) * width * height + _BOXES_FIXED)
