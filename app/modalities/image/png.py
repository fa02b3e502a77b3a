"""The chunks of a PNG file: what they say beside the pixels, and the file with the pixels alone.

Pillow refuses a PNG with a long comment or with a wrong checksum in one, and decompresses texts
into up to 64 MB. So it is given the chunks of the pixels only. As browsers do, this ignores
remarks with a wrong checksum, and reads a file that ends without its last chunk.
"""

import struct
import zlib
from contextlib import suppress
from typing import NamedTuple

from app.errors import InvalidInput
from app.modalities.image.kinds import PNG_MARK

MAX_CHUNKS = 50_000  # each costs time in the decoder
MAX_PROFILE = 2**23  # bytes of a colour profile: more than any that is in use
_BEFORE_PIXELS = 30  # chunks among which the profile is looked for
_MAX_TEXT = 2**20  # bytes that are read of a text that says which side is up
_HEAD = struct.Struct(">I4s")
_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_EXIF, _XMP, _RAW_EXIF = b"eXIf", b"XML:com.adobe.xmp", b"Raw profile type exif"
# Remarks that are kept with their bodies, the first of each name.
_READ = {b"eXIf", b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"acTL"}
# Numbers of H.273 by which a PNG says what its colours are.
_PRIMARIES_OF_SRGB, _CURVES_OF_SRGB, _UNKNOWN = 1, {1, 6, 13, 14, 15}, 2
_HDR = {16: "PQ", 18: "HLG"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_LONGEST_KEYWORD = 80


class PngRemarks(NamedTuple):
    """What stands beside the pixels, by the names of chunks; `XMP` and `exif` are texts.

    file: the chunks of the pixels alone.
    """

    file: bytes
    bodies: dict[bytes, bytes]

    @property
    def exif(self) -> bytes:
        """The EXIF data."""
        return self.bodies.get(_EXIF) or self.bodies.get(_RAW_EXIF, b"")

    @property
    def xmp(self) -> bytes:
        """The XMP text."""
        return self.bodies.get(_XMP, b"")

    @property
    def frames(self) -> int:
        """The number of frames."""
        return max(1, int.from_bytes(self.bodies.get(b"acTL", b"")[:4], "big"))

    @property
    def is_srgb(self) -> bool:
        """Whether the numbers of its colours say sRGB, whatever else the file says."""
        primaries, curve = self.bodies.get(b"cICP", b"").ljust(2, b"\0")[:2]
        return primaries == _PRIMARIES_OF_SRGB and curve in _CURVES_OF_SRGB

    def check_colours(self) -> None:
        """Raise `InvalidInput` for numbers of colours that are not read, where no profile is."""
        body = self.bodies.get(b"cICP", b"")
        if len(body) != 4 or _UNKNOWN in body[:2] or self.is_srgb or self.profile:
            return
        name = f" ({_HDR[body[1]]}, HDR)" if body[1] in _HDR else ""
        raise InvalidInput(
            f"expected a PNG in sRGB or with a colour profile, got colours of the primaries "
            f"{body[0]} and the curve {body[1]}{name} of a cICP chunk; convert it to sRGB"
        )

    @property
    def profile(self) -> bytes:
        """The colour profile, decompressed; empty for none that can be read."""
        body = self.bodies.get(b"iCCP")
        if body is None or self.is_srgb:
            return b""
        packed = _after_keyword(body)[1:]
        size = _stated_size(packed)
        return _inflated(packed, size) if size > 4 else b""


def read_chunks(png: bytes) -> PngRemarks:
    """Read the chunks; raises `InvalidInput` for more of them than any picture has."""
    kept, bodies = [], dict[bytes, bytes]()
    start, place, count, size = 0, len(PNG_MARK), 0, len(png)
    while place + 8 <= size:
        length, name = _HEAD.unpack_from(png, place)
        following = place + 12 + length
        count += 1
        if name not in _PIXELS and not (name == b"tRNS" and _is_sound(png, place, length)):
            if name in _READ or name in _TEXTS:
                _keep(bodies, name, png, place, length)
            kept.append(png[start:place])
            start = following
        if name == b"IEND" or count > MAX_CHUNKS:
            break
        place = following
    if count > MAX_CHUNKS:
        raise InvalidInput(
            f"expected a PNG of at most {MAX_CHUNKS:,} chunks, got more; save it anew"
        )
    whole = b"".join([*kept, png[start:]]) if kept else png
    if place > size and place - size <= 4 and name == b"IDAT":  # cut within its last checksum
        whole = whole[: len(whole) - 4 + place - size]
        whole += _checksum(png, following - 12 - length, length)
    return PngRemarks(whole, bodies)


def profile_size(png: bytes) -> int:
    """Return how many bytes the colour profile takes once it is decompressed."""
    place = len(PNG_MARK)
    for _ in range(_BEFORE_PIXELS):
        if place + 8 > len(png):
            break
        length, name = _HEAD.unpack_from(png, place)
        if name == b"iCCP":
            return _stated_size(_after_keyword(png[place + 8 : place + 8 + length])[1:])
        if name == b"IDAT":
            return 0
        place += 12 + length
    return MAX_PROFILE if png.find(b"iCCP", place) >= 0 else 0


def _stated_size(body: bytes) -> int:
    """Return the size that a compressed profile begins with, up to the largest that is read."""
    return min(int.from_bytes(_inflated(body, 4), "big"), MAX_PROFILE)


def _checksum(png: bytes, place: int, length: int) -> bytes:
    return struct.pack(">I", zlib.crc32(png[place + 4 : place + 8 + length]))


def _is_sound(png: bytes, place: int, length: int) -> bool:
    end = place + 8 + length
    return png[end : end + 4] == _checksum(png, place, length)


def _keep(bodies: dict[bytes, bytes], name: bytes, png: bytes, place: int, length: int) -> None:
    """Keep the body of a remark, the first of its name."""
    body = png[place + 8 : place + 8 + length] if name in _READ else b""
    if name in _TEXTS:
        keyword = png[place + 8 : place + 8 + _LONGEST_KEYWORD].split(b"\0", 1)[0]
        if keyword not in (_XMP, _RAW_EXIF):
            return
        text = _text(name, png[place + 8 : place + 8 + length])
        name, body = keyword, _from_hexadecimal(text) if keyword == _RAW_EXIF else text
    if name not in bodies and _is_sound(png, place, length):
        bodies[name] = body


def _text(name: bytes, body: bytes) -> bytes:
    """Return the text of a chunk that begins with a keyword."""
    text = _after_keyword(body)
    if name == b"zTXt":
        return _inflated(text[1:], _MAX_TEXT)
    if name == b"iTXt":
        packed, words = text[:1] == b"\1", text[2:].split(b"\0", 2)
        return _inflated(words[-1], _MAX_TEXT) if packed else words[-1]
    return text


def _after_keyword(body: bytes) -> bytes:
    return body.split(b"\0", 1)[-1]


def _inflated(body: bytes, most: int) -> bytes:
    """Return what was compressed, up to `most` bytes; empty if it is damaged."""
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(body, most) if body and most else b""
    return b""


def _from_hexadecimal(text: bytes) -> bytes:
    """Return the EXIF data of a text of ImageMagick: a line break, a name, a length, the digits."""
    with suppress(ValueError):
        return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii", "ignore"))
    return b""
