"""A fast reader of WAV files with 16-bit PCM, the most frequent sounds.

libsndfile reads them through a dozen calls back into Python, which takes longer than resampling a
second of sound. Any other file (another format, a wrong size, no samples) is left to libsndfile,
so that one library decides about damaged files; so is one with many chunks before its samples,
because this is also called on the event loop. Its time does not depend on the number of samples.
"""

import struct
from itertools import count

import numpy as np

_HEAD = struct.Struct("<IHHIIHH")  # size, format, channels, rate, bytes a second, block, bits
_PCM, _BITS = 1, 16
_FEW = 100  # chunks before the samples; recorders write about five


def read_pcm16(data: bytes) -> tuple[np.ndarray, int] | None:
    """Return the samples, int16 (frames, channels), and the rate in Hz; None for any other file.

    The samples are a view of `data`.
    """
    if not data.startswith(b"RIFF") or data[8:16] != b"WAVEfmt " or len(data) < 16 + _HEAD.size:
        return None
    size, kind, channels, rate, _, block, bits = _HEAD.unpack_from(data, 16)
    if (kind, bits, block) != (_PCM, _BITS, channels * 2) or size not in (16, 18):
        return None
    if not channels or not rate:
        return None
    place = find_chunk(data, b"data", 20 + size, _FEW)
    if place is None:
        return None
    size, start = int.from_bytes(data[place + 4 : place + 8], "little"), place + 8
    end = start + size
    if size == 0 or size % block or end > len(data):
        return None
    if data.find(b"fmt ", 16, place) >= 0 or data.find(b"fmt ", end) >= 0:  # another header?
        return None
    return np.frombuffer(data, "<i2", size // 2, start).reshape(-1, channels), rate


def find_chunk(data: bytes, name: bytes, place: int, most: int | None = None) -> int | None:
    """Return the place of the first chunk of that name at `place` or later; None without one.

    most: how many chunks are looked at; by default all.
    """
    for _ in count() if most is None else range(most):
        if data[place : place + 4] == name:
            return place
        if place + 8 > len(data):
            return None
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return None
