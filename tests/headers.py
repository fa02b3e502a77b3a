"""Headers of picture files of any size, without pixels."""

import struct
import zlib


def png(width: int, height: int, kind: int = 2, bits: int = 8) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc + b"\0\0\1\0IDATx"


def jpeg(
    width: int, height: int, progressive: bool = False, components: int = 3, before: bytes = b""
) -> bytes:
    frame = struct.pack(">BHHB", 8, height & 0xFFFF, width & 0xFFFF, components)
    frame += b"".join(bytes((number, 0x11, 0)) for number in range(1, components + 1))
    scan = bytes((components, *(value for n in range(1, components + 1) for value in (n, 0))))
    start = b"\xff\xd8" + before + b"\xff" + (b"\xc2" if progressive else b"\xc0")
    return (
        start + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda"
        + struct.pack(">H", len(scan) + 5) + scan + b"\0\x3f\0"
    )  # fmt: skip


def gif(width: int, height: int, frame: tuple[int, int, int, int] = (0, 0, 1, 1)) -> bytes:
    comment = b"!\xfe\3abc\2de\0"
    screen = struct.pack("<HHBBB", width & 0xFFFF, height & 0xFFFF, 0x80, 0, 0) + b"\0" * 6
    return b"GIF89a" + screen + comment + b"," + struct.pack("<HHHHB", *frame, 0)


def bmp(width: int, height: int, bits: int = 24, compression: int = 0) -> bytes:
    head = struct.pack("<IiiHHIIIIII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def webp(width: int, height: int, kind: bytes = b"VP8X") -> bytes:
    if kind == b"VP8X":
        body = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        body = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def tiff(  # noqa: PLR0913
    width: int,
    height: int,
    samples: int = 3,
    rows: int = 8,
    bits: int = 8,
    order: str = "<",
    big: bool = False,
) -> bytes:
    tags = {256: width, 257: height, 258: bits, 259: 5, 262: 2, 277: samples, 278: rows}
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    form = "HHQ" if big else "HHI"
    entries = b"".join(
        struct.pack(order + form + "I", tag, 4, 1, value) + (b"\0" * 4 if big else b"")
        for tag, value in tags.items()
    )
    if big:
        return mark + struct.pack(order + "HHQQ", 8, 0, 16, len(tags)) + entries
    return mark + struct.pack(order + "IH", 8, len(tags)) + entries
