"""Picture files that Pillow does not write: TIFF of any type of samples, chunks and segments."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def as_stored(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as a file of that EXIF orientation, 1 to 8, has it."""
    return image.transpose(_STORED[orientation]) if orientation in _STORED else image


def tiff(  # noqa: PLR0913
    pixels: np.ndarray,
    photometric: int,
    *,
    extra: Sequence[int] = (),
    apart: bool = False,
    order: str = "<",
    tile: int = 0,
    rows: int = 0,
    big: bool = False,
    more: dict[int, tuple[int, Sequence[int]]] | None = None,
) -> bytes:
    """Return an uncompressed TIFF of pixels (rows, columns[, samples]) of any type of numbers.

    apart: each sample in a plane of its own. tile: the edge of square tiles. rows: of a strip.
    big: a BigTIFF. more: tag -> (type, values).
    """
    cube = pixels.reshape(*pixels.shape[:2], -1).astype(pixels.dtype.newbyteorder(order))
    height, width, samples = cube.shape
    planes = [cube[..., n : n + 1] for n in range(samples)] if apart else [cube]
    parts = []
    for plane in planes:
        step, across = (tile, tile) if tile else (rows or height, width)
        for top in range(0, height, step):
            for left in range(0, width, across):
                part = plane[top : top + step, left : left + across]
                if tile:
                    part = np.pad(
                        part, [(0, step - part.shape[0]), (0, step - part.shape[1]), (0, 0)]
                    )
                parts.append(part.tobytes())
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * pixels.dtype.itemsize] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [samples]),
        284: (3, [2 if apart else 1]),
        339: (3, [kind] * samples),
    }
    if tile:
        tags |= {322: (4, [tile]), 323: (4, [tile])}
    else:
        tags[278] = (4, [rows or height])
    if extra:
        tags[338] = (3, list(extra))
    return assembled(tags | (more or {}), parts, order, tiled=bool(tile), big=big)


def assembled(
    tags: dict[int, tuple[int, Sequence[int]]],
    parts: Sequence[bytes],
    order: str = "<",
    *,
    tiled: bool = False,
    big: bool = False,
) -> bytes:
    """Return a TIFF, or a BigTIFF, of a directory and strips or tiles. tags: (type, values)."""
    names, place_type = ((324, 325) if tiled else (273, 279)), 16 if big else 4
    tags = tags | {names[1]: (4, [len(part) for part in parts])}
    tags[names[0]] = (place_type, [0] * len(parts))
    inline, number, entry_size = (8, "Q", 20) if big else (4, "I", 12)
    start = (16 if big else 8) + (8 if big else 2) + entry_size * len(tags) + inline
    for _ in range(2):  # the second time, the offsets of the parts are known
        entries, behind = b"", b""
        for tag, (kind, values) in sorted(tags.items()):
            letter = {1: "B", 3: "H", 4: "I", 5: "I", 7: "B", 16: "Q"}[kind]
            packed = struct.pack(f"{order}{len(values)}{letter}", *values)
            count = len(values) // 2 if kind == 5 else len(values)
            entry = struct.pack(order + "HH" + number, tag, kind, count)
            if len(packed) <= inline:
                entries += entry + packed.ljust(inline, b"\0")
            else:
                entries += entry + struct.pack(order + number, start + len(behind))
                behind += packed
        place, offsets = start + len(behind), []
        for part in parts:
            offsets.append(place)
            place += len(part)
        tags[names[0]] = (place_type, offsets)
    head = b"II" if order == "<" else b"MM"
    if big:
        head += struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(tags))
    else:
        head += struct.pack(order + "HIH", 42, 8, len(tags))
    return head + entries + b"\0" * inline + behind + b"".join(parts)


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """Return a chunk of a PNG file, with any checksum."""
    right = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", right)


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Return a PNG file with chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def segment(marker: int, body: bytes) -> bytes:
    """Return a segment of a JPEG file."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Return a JPEG file with segments behind its first mark."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif(orientation: int) -> bytes:
    """Return EXIF data of one entry."""
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0" * 4


def profile(red: tuple[float, float], green: tuple[float, float], gamma: float = 2.2) -> bytes:
    """Return the bodies of gAMA and cHRM of a PNG, joined: 4 and 32 bytes."""
    points = (0.3127, 0.329, *red, *green, 0.15, 0.06)
    return struct.pack(">9I", *(round(v * 100_000) for v in (1 / gamma, *points)))
