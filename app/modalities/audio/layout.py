"""Samples that lie in a file as they are, without a codec, and how they are written there.

Every container of such samples is read here, so the same samples give the same numbers whatever
file they are in. The time to describe a file does not depend on the number of its samples.
"""

from collections.abc import Iterator
from functools import cache
from math import isfinite
from typing import Literal, NamedTuple

import numpy as np

from app.errors import InvalidInput
from app.modalities.audio.full_scale import NO_NUMBERS, scale_of

Coding = Literal["integer", "unsigned", "float", "µ-law", "A-law"]
_WIDTHS = {"integer": (1, 2, 3, 4), "unsigned": (1,), "float": (4, 8), "µ-law": (1,), "A-law": (1,)}
_BLOCK = 2**16  # values that are looked at together for the highest


class SampleLayout(NamedTuple):
    """How the samples of a file are written.

    width: bytes of a value. big: whether the first of them is the highest. start, size: bytes of
    the file; those after the last whole frame do not count.
    """

    coding: Coding
    width: int
    big: bool
    channels: int
    rate: int
    start: int
    size: int

    @property
    def frames(self) -> int:
        """The number of samples of each channel."""
        return self.size // (self.width * self.channels)

    def is_known(self) -> bool:
        """Return whether values of this width are read."""
        return self.width in _WIDTHS[self.coding] and self.channels > 0


class PlainSamples:
    """The sound of a file with a known layout; raises `InvalidInput` for floats out of range."""

    left_out: str | None = None

    def __init__(self, data: bytes, layout: SampleLayout) -> None:
        self.rate, self.channels, self.frames = layout.rate, layout.channels, layout.frames
        self._layout = layout
        count = layout.frames * layout.channels
        values: np.ndarray
        self._values: np.ndarray
        if layout.width == 3:
            values = np.frombuffer(data, np.uint8, 3 * count, layout.start)
            self._values = values.reshape(-1, layout.channels, 3)
        else:
            dtype = _dtype(layout.coding, layout.width, layout.big)
            values = np.frombuffer(data, dtype, count, layout.start)
            self._values = values.reshape(-1, layout.channels)
        self._scale = 1.0
        if layout.coding == "float":
            self._scale = scale_of(_highest(values))

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples, float32 (frames, channels), at most so many frames at a time."""
        for start in range(0, self.frames, frames):
            yield self._read(self._values[start : start + frames])

    def _read(self, values: np.ndarray) -> np.ndarray:
        layout = self._layout
        if layout.coding == "float":
            read = values if self._scale == 1.0 else values * self._scale
            return read.astype(np.float32)
        if layout.coding == "unsigned":
            return (values.astype(np.float32) - 128) / np.float32(128)
        if layout.coding != "integer":
            table: np.ndarray = _companded(layout.coding)[values]
            return table
        if layout.width == 3:
            return _of_three_bytes(values, layout.big) / np.float32(2**31)
        if layout.width == 4:
            return values.astype(np.float32) / np.float32(2**31)
        return values / np.float32(2 ** (8 * layout.width - 1))


_LETTERS = {"integer": "i", "unsigned": "u", "float": "f", "µ-law": "u", "A-law": "u"}


@cache
def _dtype(coding: Coding, width: int, big: bool) -> np.dtype:
    return np.dtype(f"{'>' if big else '<'}{_LETTERS[coding]}{width}")


def _highest(values: np.ndarray) -> float:
    """Return the largest magnitude; raise `InvalidInput` for what is no number."""
    highest = 0.0
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        part = max(float(block.max()), -float(block.min()))
        if not isfinite(part):
            raise InvalidInput(NO_NUMBERS)
        highest = max(highest, part)
    return highest


def _of_three_bytes(values: np.ndarray, big: bool) -> np.ndarray:
    """Return uint8 (frames, channels, 3) as float32 of 32-bit integers, (frames, channels)."""
    expanded = np.zeros((*values.shape[:2], 4), dtype=np.uint8)
    expanded[:, :, slice(0, 3) if big else slice(1, 4)] = values
    whole = expanded.view(">i4" if big else "<i4")[:, :, 0]
    return whole.astype(np.float32)


@cache
def _companded(coding: Coding) -> np.ndarray:
    """Return the value of each byte of G.711, float32 (256,)."""
    byte = np.arange(256)
    if coding == "µ-law":
        byte = byte ^ 0xFF
        size = ((byte & 15) * 8 + 132 << (byte >> 4 & 7)) - 132
        return (np.where(byte & 128, -size, size) / 32768).astype(np.float32)
    byte = byte ^ 0x55
    part, step = byte >> 4 & 7, (byte & 15) * 16 + 8
    size = np.where(part == 0, step, step + 256 << np.maximum(part - 1, 0))
    return (np.where(byte & 128, size, -size) / 32768).astype(np.float32)
