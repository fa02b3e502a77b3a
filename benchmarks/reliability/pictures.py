"""Pictures of one colour: tiny ones, and files of kilobytes that decode to a quarter gigabyte."""

import io
import struct
import zlib
from functools import cache

from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _RGBA = 2, 6  # PNG's colour types


def flat(level: int) -> bytes:
    """Return a grey PNG of 8 × 8 pixels of the brightness `level`, 0..255."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (level, level, level)).save(file, "PNG")
    return file.getvalue()


@cache
def huge(side: int, alpha: bool) -> bytes:
    """Return a black PNG of `side` × `side` pixels, written row by row in little memory."""
    channels, kind = (4, _RGBA) if alpha else (3, _RGB)
    packer, row = zlib.compressobj(), bytes(1 + side * channels)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, kind, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
