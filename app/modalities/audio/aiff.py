"""AIFF, AIFF-C, CAF and AU files → where their samples lie.

They are the plain sounds of Apple's and of older Unix systems. Compressed ones are refused by the
name of their codec, but for Apple Lossless in CAF, which libsndfile reads.
"""

import struct
from math import isfinite, ldexp

from app.errors import InvalidInput
from app.modalities.audio.chunks import CAF, RIFX, each_chunk, extent
from app.modalities.audio.layout import Coding, SampleLayout
from app.modalities.audio.refusals import SAVE_ANEW

_COMM = struct.Struct(">hIhHQ")  # channels, frames, bits, exponent and mantissa of the rate
_DESC = struct.Struct(">d4sIIIII")  # rate, format, flags, bytes, frames, channels, bits
_IS_FLOAT, _IS_LITTLE = 1, 2  # flags of CAF
_AU_CODINGS: dict[int, tuple[Coding, int]] = {
    1: ("µ-law", 1),
    27: ("A-law", 1),
    2: ("integer", 1),
    3: ("integer", 2),
    4: ("integer", 3),
    5: ("integer", 4),
    6: ("float", 4),
    7: ("float", 8),
}
# coding, width (0: as the bits say), whether the highest byte is first
_AIFF_CODINGS: dict[bytes, tuple[Coding, int, bool]] = {
    **dict.fromkeys((b"NONE", b"twos", b"in24", b"in32"), ("integer", 0, True)),
    b"sowt": ("integer", 0, False),
    # What `in24` and `in32` are backwards: libsndfile writes a digit.
    **dict.fromkeys((b"42ni", b"42n1", b"23ni"), ("integer", 0, False)),
    b"raw ": ("unsigned", 1, True),
    **dict.fromkeys((b"fl32", b"FL32"), ("float", 4, True)),
    **dict.fromkeys((b"fl64", b"FL64"), ("float", 8, True)),
    **dict.fromkeys((b"ulaw", b"ULAW"), ("µ-law", 1, True)),
    **dict.fromkeys((b"alaw", b"ALAW"), ("A-law", 1, True)),
}


def read_aiff(data: bytes) -> SampleLayout:
    """Return where the samples lie; raise `InvalidInput` where that is not known."""
    if data[8:12] not in (b"AIFF", b"AIFC"):
        raise InvalidInput("expected a sound, got an IFF file of another kind; send AIFF or AIFF-C")
    described, place, size = None, None, 0
    for name, start, declared in each_chunk(data, 12, RIFX):
        if name == b"COMM" and described is None:
            described = data[start : start + 22]
        elif name == b"SSND" and place is None and start + 8 <= len(data):
            skipped = int.from_bytes(data[start : start + 4], "big")
            place = start + 8 + min(skipped, len(data))
            size = max(declared - 8 - skipped, 0) if declared else 0
    if described is None or len(described) < _COMM.size:
        raise InvalidInput(
            f"expected a sound, got an AIFF file without its description (COMM); {SAVE_ANEW}"
        )
    if place is None or place > len(data):
        raise InvalidInput(f"expected a sound, got an AIFF file without samples; {SAVE_ANEW}")
    channels, _, bits, exponent, mantissa = _COMM.unpack_from(described)
    codec = described[18:22] if data[8:12] == b"AIFC" else b"NONE"
    if codec not in _AIFF_CODINGS:
        raise _unread("AIFF-C", codec)
    coding, width, big = _AIFF_CODINGS[codec]
    rate = _extended(exponent, mantissa)
    layout = SampleLayout(
        *(coding, width or (bits + 7) // 8, big, channels, rate),
        *(place, extent(data, place, size, RIFX)),
    )
    return _checked(layout, "AIFF")


def read_caf(data: bytes) -> SampleLayout | None:
    """Return where the samples lie; None for Apple Lossless. Raises `InvalidInput`."""
    found = None
    for name, start, size in each_chunk(data, 8, CAF):
        if name == b"desc" and found is None:
            if start + _DESC.size > len(data):
                break
            found = _DESC.unpack_from(data, start)
        elif name == b"data" and found is not None:
            place = min(start + 4, len(data))  # behind the number of edits
            if size in (0, 2**64 - 1):
                size = len(data) + 4  # to the end of the file
            rate, codec, flags, packet, _, channels, bits = found
            if codec == b"alac":
                return None
            coding, width = _caf_coding(codec, flags, bits)
            rate = int(rate) if isfinite(rate) and 0 < rate < 2**31 else 0
            size = extent(data, place, max(size - 4, 0))
            big = not flags & _IS_LITTLE
            layout = SampleLayout(coding, width, big, channels, rate, place, max(size, 0))
            if packet != width * channels:
                raise InvalidInput(
                    f"the CAF file's packet size contradicts its channels and bits; {SAVE_ANEW}"
                )
            return _checked(layout, "CAF")
    raise InvalidInput(
        f"expected a sound, got a CAF file without its description or samples; {SAVE_ANEW}"
    )


def _caf_coding(codec: bytes, flags: int, bits: int) -> tuple[Coding, int]:
    if codec == b"lpcm":
        return ("float" if flags & _IS_FLOAT else "integer"), (bits + 7) // 8
    if codec in (b"ulaw", b"alaw"):
        return ("µ-law" if codec == b"ulaw" else "A-law"), 1
    raise _unread("CAF", codec)


def read_au(data: bytes) -> SampleLayout:
    """Return where the samples lie; raise `InvalidInput` where that is not known."""
    if len(data) < 24:
        raise InvalidInput(
            f"expected a sound, got an AU file that is cut off in its header; {SAVE_ANEW}"
        )
    big = data.startswith(b".snd")
    offset, size, encoding, rate, channels = struct.unpack_from(">5I" if big else "<5I", data, 4)
    if encoding not in _AU_CODINGS:
        raise InvalidInput(
            f"expected plain samples, µ-law or A-law in the AU file, got encoding {encoding}; "
            "convert it to 16-bit PCM"
        )
    if not 24 <= offset <= len(data):
        raise InvalidInput(f"expected a sound, got an AU file without samples; {SAVE_ANEW}")
    coding, width = _AU_CODINGS[encoding]
    size = extent(data, offset, size)
    return _checked(SampleLayout(coding, width, big, channels, rate, offset, size), "AU")


def _extended(exponent: int, mantissa: int) -> int:
    """Return a rate from an 80-bit float, in whole Hz; 0 where it is none."""
    power = exponent - 16383 - 63
    return round(ldexp(mantissa, power)) if -64 < power <= -32 else 0


def _checked(layout: SampleLayout, kind: str) -> SampleLayout:
    if layout.channels < 1 or not layout.is_known():
        raise InvalidInput(
            f"expected 8 to 32 bits or floats in the {kind} file, got {8 * layout.width} bits and "
            f"{layout.channels} channels; convert it to 16-bit PCM"
        )
    return layout


def _unread(kind: str, codec: bytes) -> InvalidInput:
    name = codec.decode("latin-1") if codec.isascii() else codec.hex()
    name = name if name.isprintable() else codec.hex()
    return InvalidInput(
        f"expected plain samples, µ-law or A-law in the {kind} file, got the codec {name}; "
        "convert it to 16-bit PCM, FLAC or MP3"
    )
