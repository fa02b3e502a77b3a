"""WAV files of 16-bit PCM, as most sounds are sent, read without a library.

libsndfile reads them through a dozen calls back into Python, which takes longer than to resample
a second of sound. What is not quite as it should be (another format, a size that lies, nothing in
it) is left to libsndfile, so that there is one judge of damaged files.
"""

import struct

import numpy as np

_HEAD = struct.Struct("<IHHIIHH")  # size, format, channels, rate, bytes a second, block, bits
_PCM, _BITS = 1, 16


def read_pcm16(data: bytes) -> tuple[np.ndarray, int] | None:
    """Return the samples, int16 (frames, channels), and the rate in Hz; None if not sure of them.

    The samples are a view of `data`.
    """
    if not data.startswith(b"RIFF") or data[8:16] != b"WAVEfmt " or len(data) < 16 + _HEAD.size:
        return None
    size, kind, channels, rate, _, block, bits = _HEAD.unpack_from(data, 16)
    if (kind, bits, block) != (_PCM, _BITS, channels * 2) or not channels or size not in (16, 18):
        return None
    place = find_chunk(data, b"data", 20 + size)
    if place is None:
        return None
    size, start = int.from_bytes(data[place + 4 : place + 8], "little"), place + 8
    if size == 0 or size % block or start + size > len(data) or data.find(b"fmt ", 16) >= 0:
        return None
    return np.frombuffer(data, "<i2", size // 2, start).reshape(-1, channels), rate


def find_chunk(data: bytes, name: bytes, place: int) -> int | None:
    """Return where a chunk of that name stands, from the chunk at `place` on; None: nowhere."""
    while data[place : place + 4] != name:
        if place + 8 > len(data):
            return None
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return place
