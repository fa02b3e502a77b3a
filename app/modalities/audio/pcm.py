"""Plain samples within Matroska and MP4 or MOV: how they are written there.

Cameras and screen recorders write them. They are read as those of WAV are, without the extra.
"""

import struct

from app.errors import InvalidInput
from app.modalities.audio.layout import Coding, SampleLayout

_AUDIO, _RATE, _CHANNELS, _DEPTH = 0xE1, 0xB5, 0x9F, 0x6264  # elements of Matroska
_MATROSKA: dict[bytes, tuple[Coding, bool]] = {
    b"A_PCM/INT/LIT": ("integer", False),
    b"A_PCM/INT/BIG": ("integer", True),
    b"A_PCM/FLOAT/IEEE": ("float", False),
}
# coding, width (0: as the bits say), whether the highest byte is first
_MOV: dict[bytes, tuple[Coding, int, bool]] = {
    b"sowt": ("integer", 0, False),
    b"twos": ("integer", 0, True),
    b"raw ": ("unsigned", 1, True),
    b"in24": ("integer", 3, True),
    b"in32": ("integer", 4, True),
    b"fl32": ("float", 4, True),
    b"fl64": ("float", 8, True),
    b"ulaw": ("µ-law", 1, True),
    b"alaw": ("A-law", 1, True),
}
_IS_FLOAT, _IS_BIG = 1, 2  # flags of `lpcm`
_ISO: dict[bytes, Coding] = {b"ipcm": "integer", b"fpcm": "float"}
_LONGEST_RATE = 2**31


def in_matroska(codec: bytes, audio: dict[int, bytes]) -> SampleLayout | None:
    """Return how samples are written; None for a codec. audio: elements of the track's sound."""
    if codec not in _MATROSKA:
        return None
    coding, big = _MATROSKA[codec]
    bits = int.from_bytes(audio.get(_DEPTH, b"\0")[:8], "big")
    channels = int.from_bytes(audio.get(_CHANNELS, b"\1")[:8], "big")
    rate = audio.get(_RATE, struct.pack(">f", 8000))
    hertz = struct.unpack(">f" if len(rate) == 4 else ">d", rate)[0] if len(rate) in (4, 8) else 0
    if bits == 8:
        coding = "unsigned"
    return _checked(coding, bits, big, channels, hertz)


def in_mp4(stsd: bytes, inside: dict[bytes, bytes]) -> SampleLayout | None:
    """Return how samples are written; None for a codec.

    stsd: the descriptions of samples; the first counts. inside: its boxes.
    """
    kind, version = stsd[12:16], int.from_bytes(stsd[24:26], "big")
    if kind not in _MOV and kind not in _ISO and kind != b"lpcm":
        return None
    channels, bits = struct.unpack_from(">HH", stsd.ljust(80, b"\0"), 32)
    rate: float = int.from_bytes(stsd[40:44], "big") / 65_536
    flags = 0
    if kind in _ISO:
        described = inside.get(b"pcmC", b"").ljust(6, b"\0")
        big, bits = not described[4] & 1, described[5]
        return _checked(_ISO[kind], bits, big, channels, rate)
    if version == 2:
        rate, channels, _, bits, flags = struct.unpack_from(">dIIII", stsd.ljust(80, b"\0"), 48)
    if kind == b"lpcm":
        coding: Coding = "float" if flags & _IS_FLOAT else "integer"
        return _checked(coding, bits, bool(flags & _IS_BIG), channels, rate)
    coding, width, big = _MOV[kind]
    if inside.get(b"enda", b"")[-1:] == b"\1":
        big = False
    if width and kind != b"raw ":
        bits = 8 * width
    return _checked(coding, bits, big, channels, rate)


def _checked(coding: Coding, bits: int, big: bool, channels: int, rate: float) -> SampleLayout:
    hertz = round(rate) if 0 < rate < _LONGEST_RATE else 0
    layout = SampleLayout(coding, bits // 8, big, channels, hertz, 0, 0)
    if bits % 8 or not layout.is_known():
        raise InvalidInput(
            f"expected plain samples of 8 to 32 bits or floats, got {bits} bits and {channels} "
            "channels; convert it to WAV"
        )
    return layout
