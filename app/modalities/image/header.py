"""The size of a picture and the memory that its decoding takes, from its header, without a decoder.

Reading takes about a microsecond for PNG and JPEG, and a few for other formats. The numbers are
upper bounds: where a header can be understood in two ways, the larger one counts. A test compares
them with the memory that a process really takes. `app.modalities.image.encoder` refuses a file of
which Pillow reads a larger picture than was announced here.
"""

import struct
from typing import NamedTuple

MAX_PIXELS = 64_000_000  # 256 MB in a decoder's memory
JPEG_MARK, PNG_MARK = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_BYTES = {0: 1, 2: 4, 3: 1, 4: 4, 6: 4}  # of a pixel in Pillow's memory, by colour type
_PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_PNG_TURNS = {b"XML:com.adobe.xmp", b"Raw profile type exif"}
_PNG_EXTRA = 3 * 2**20  # these two and the colour profile, decompressed: Pillow's limit of each
_LONGEST_KEYWORD = 80
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
_TIFF_MARKS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*"}
_TIFF_ENTRIES = 200  # of the first directory that are read
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH, _SAMPLE_FORMAT = 278, 322, 323, 339
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
        if data[:4] in _TIFF_MARKS:
            return _tiff(data)
    except (struct.error, IndexError):  # shorter than its header
        return None
    return None


def _png(data: bytes) -> Header:
    width, height, bits, kind = _PNG_SIZE.unpack_from(data, 16)
    size = 2 if kind == 0 and bits == 16 else _PNG_BYTES.get(kind, 4)
    return Header(width, height, size, _PNG_EXTRA, is_usual=True)


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


def _tiff(data: bytes) -> Header | None:
    tags = _tiff_tags(data)
    width, height = tags.get(_WIDTH, 0), tags.get(_LENGTH, 0)
    samples, bits = tags.get(_SAMPLES, 1), tags.get(_BITS, 1)
    if samples == 1 and bits <= 8:
        size = 1
    elif samples == 1 and bits == 16 and tags.get(_SAMPLE_FORMAT, 1) == 1:
        size = 2
    else:
        size = 4
    rows = min(tags.get(_ROWS_PER_STRIP, height), height)
    chunk = width * rows
    if _TILE_WIDTH in tags:
        chunk = tags[_TILE_WIDTH] * tags.get(_TILE_LENGTH, 1)
    stored = max(4 if tags.get(_PHOTOMETRIC) == 6 else 1, samples * ((bits + 7) // 8))
    extra = chunk * stored if tags.get(_COMPRESSION, 1) != 1 else 0
    return Header(min(width, _LONGEST), min(height, _LONGEST), size, extra)


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Return the first value of each tag of the first directory that holds whole numbers."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    place = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    place += 8 if big else 2
    entry, tags = struct.Struct(order + ("HHQ" if big else "HHI")), {}
    inline, step = (8, 20) if big else (4, 12)
    for number in range(min(count, _TIFF_ENTRIES)):
        start = place + step * number
        tag, kind, values = entry.unpack_from(data, start)
        form = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if form is None or not values:
            continue
        at = start + entry.size
        if struct.calcsize(form) * values > inline:
            at = struct.unpack_from(order + ("Q" if big else "I"), data, at)[0]
        tags[tag] = struct.unpack_from(order + form, data, at)[0]
    return tags


def without_texts(png: bytes) -> bytes:
    """Return a PNG file without its texts, which Pillow would decompress into up to 64 MB.

    The first text of each kind that may say which side is up stays.
    """
    kept, start, place, wanted = [], 0, len(PNG_MARK), set(_PNG_TURNS)
    while place + 8 <= len(png):
        following = place + 12 + int.from_bytes(png[place : place + 4], "big")
        if png[place + 4 : place + 8] in _PNG_TEXTS:
            keyword = png[place + 8 : place + 8 + _LONGEST_KEYWORD].split(b"\0", 1)[0]
            if keyword in wanted:
                wanted.remove(keyword)
            else:
                kept.append(png[start:place])
                start = following
        place = following
    return b"".join([*kept, png[start:]]) if kept else png
