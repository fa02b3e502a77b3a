"""The size of a picture and the memory that its decoding takes, from its header, without a decoder.

Reading takes about a microsecond for PNG and JPEG, and a few for other formats. The numbers are
upper bounds: where a header can be understood in two ways, the larger one counts. A test compares
them with the memory that a process really takes. `app.modalities.image.encoder` refuses a file of
which Pillow reads a larger picture than was announced here.
"""

import struct
from typing import NamedTuple

from app.modalities.image import jpeg, png, tiff
from app.modalities.image.boxes import boxed_size
from app.modalities.image.heic import has_heic
from app.modalities.image.kinds import JPEG_MARK, PNG_MARK, TIFF_MARKS, picture_kind

MAX_PIXELS = 64_000_000  # 256 MB in a decoder's memory
MAX_REDUCED_PIXELS = 4 * MAX_PIXELS  # of a JPEG that is decoded at a fraction of its size
_PNG_BYTES = {0: 1, 2: 4, 3: 1, 4: 4, 6: 4}  # of a pixel in Pillow's memory, by colour type
_PNG_EXTRA = 3 * 2**20  # its texts that say which side is up, decompressed
_PROFILE_COPIES = 4  # of a colour profile: its bytes, and what the library makes of them
_LONG_PROFILE = 2**18  # bytes, more than which take more memory than an item may have uncounted
_PNG_SIZE, _JPEG_FRAME = struct.Struct(">IIBB"), struct.Struct(">HHB")
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
_COMPONENTS = {1, 3, 4}  # of a JPEG, of which the decoders make a picture
_EXTENSIONS = 1000  # of a GIF that are read
_MOST_SAMPLES, _MOST_BITS = 6, 16  # of a TIFF's pixel and sample: more are refused
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

    @property
    def is_too_large(self) -> bool:
        """Whether it has more pixels than are decoded, so that it is refused by its header."""
        return self.pixels > (MAX_REDUCED_PIXELS if self.is_sequential else MAX_PIXELS)


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


def _jpeg(data: bytes, size_only: bool) -> Header | None:
    """Read the frame and the first scan; None where they cannot be found.

    All samples stay in memory until the last scan, if there are several. So it is where the
    frame is progressive, and where the first scan lacks a component.
    """
    width, height, count, at, behind = 0, 0, 0, 0, 2
    usual, keeps = True, False
    for marker, place, end in jpeg.segments(data):
        usual = usual and place == behind  # no fill
        behind = end
        if marker in jpeg.FRAMES:
            height, width, count = _JPEG_FRAME.unpack_from(data, place + 5)
            at = place + 10
            keeps = marker not in _SEQUENTIAL
            if size_only or count not in _COMPONENTS:
                break
        elif marker == jpeg.SCAN:
            keeps = keeps or data[place + 4] != count
            break
    else:
        return None
    if count not in _COMPONENTS:
        return None
    kept = 0
    if keeps and not size_only:
        kept = _COEFFICIENT * _samples(width, height, data[at : at + 3 * count])
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
    for _ in range(_EXTENSIONS):
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


def _bmp(data: bytes) -> Header | None:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return Header(width, height, 1 if bits <= 8 else 4)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if width < 0:  # only the height may be negative: rows from the top
        return None
    height = abs(height)
    extra = (_RLE_BYTES - 1) * width * height if compression in (1, 2) else 0
    return Header(width, height, 1 if bits <= 8 else 4, extra)


def _tiff(data: bytes) -> Header:
    """Read the first directory; a tile that is larger than the picture counts as the picture."""
    tags = tiff.read_directory(data).first
    width, height = tags.get(tiff.WIDTH, 0), tags.get(tiff.LENGTH, 0)
    samples, bits = tags.get(tiff.SAMPLES, 1), tags.get(tiff.BITS, 1)
    if samples == 1 and bits <= 8:
        size = 1
    elif samples == 1 and bits <= 16 and tags.get(tiff.SAMPLE_FORMAT, 1) == 1:
        size = 2
    else:
        size = 4
    across, down = width, min(tags.get(tiff.ROWS_PER_STRIP, height), height)
    if tiff.TILE_WIDTH in tags:
        across, down = tags[tiff.TILE_WIDTH], tags.get(tiff.TILE_LENGTH, 1)
        if across * down > MAX_PIXELS:
            width, height = max(width, across), max(height, down)
    most = min(samples, _MOST_SAMPLES) * ((min(bits, _MOST_BITS) + 7) // 8)
    stored = max(4 if tags.get(tiff.PHOTOMETRIC) == 6 else 1, most)
    extra = across * down * stored if tags.get(tiff.COMPRESSION, 1) != 1 else 0
    return Header(min(width, _LONGEST), min(height, _LONGEST), size, extra)


def _boxes(data: bytes) -> Header | None:
    is_av1 = picture_kind(data) == "AVIF"
    size = boxed_size(data, is_av1) if is_av1 or has_heic() else None
    if size is None:
        return None
    width, height = (min(edge, _LONGEST) for edge in size)
    return Header(width, height, 4, (_BOXES_BYTES - 4) * width * height + _BOXES_FIXED)
