"""Sound files → blocks of samples, within limits.

A sound is read block by block, and can be read again from its start, so that no more of it than a
block is in memory. Duration and size are checked during the reading, because headers may be wrong.
"""

from collections.abc import Iterator

import numpy as np

from app.errors import InvalidInput
from app.modalities.audio.containers import open_sound
from app.modalities.audio.full_scale import HEADROOM, NO_NUMBERS
from app.modalities.audio.layout import PlainSamples
from app.modalities.audio.refusals import NO_SAMPLES

MAX_SECONDS = 300
MAX_VALUES = 30_000_000  # samples × channels of one sound
MAX_CHANNELS = 16
RATES = range(2_000, 384_001)  # Hz
BLOCK = 2**16  # samples × channels that are read at a time


class SoundReader:
    """A sound file of a known format.

    rate: Hz. left_out: a sentence on what else the file holds. Raises `InvalidInput` for any other
    file, and where the sound cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        self._source = source = open_sound(data)
        self.rate, self.left_out = source.rate, source.left_out
        self._limit = _most_frames(source.rate, source.channels)
        self._block = BLOCK // source.channels  # frames
        if isinstance(source, PlainSamples):
            _check_length(source.frames, self._limit, self.rate)
            if not source.frames:
                raise InvalidInput(NO_SAMPLES)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all of it, float32 (frames, channels), at least one frame."""
        if isinstance(self._source, PlainSamples):  # checked when it was opened
            yield from self._source.blocks(self._block)
            return
        count = 0
        for block in _joined(self._source.blocks(self._block), self._block):
            count += len(block)
            _check_length(count, self._limit, self.rate)
            if not np.isfinite(block).all():
                raise InvalidInput(NO_NUMBERS)
            # Decoders go beyond full scale a little, where the encoder was near it.
            yield np.clip(block, -HEADROOM, HEADROOM, out=block)
        if not count:
            raise InvalidInput(NO_SAMPLES)


def _most_frames(rate: int, channels: int) -> int:
    """Return the largest number of frames to read; raise `InvalidInput` for an odd header."""
    if rate not in RATES:
        raise InvalidInput(
            f"expected a sample rate of {RATES[0]} to {RATES[-1]} Hz, got {rate}; "
            "resample it to 16000 Hz"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidInput(
            f"expected 1 to {MAX_CHANNELS} channels, got {channels}; mix them to one"
        )
    return min(MAX_SECONDS * rate, MAX_VALUES // channels)


def _check_length(frames: int, limit: int, rate: int) -> None:
    if frames > limit:
        raise InvalidInput(
            f"expected at most {limit / rate:.0f} s of sound, got more; send the part that matters"
        )


def _joined(blocks: Iterator[np.ndarray], frames: int) -> Iterator[np.ndarray]:
    """Join blocks until they have so many frames."""
    kept: list[np.ndarray] = []
    for block in blocks:
        kept.append(block)
        if sum(map(len, kept)) >= frames:
            yield np.concatenate(kept)
            kept = []
    if kept:
        yield kept[0] if len(kept) == 1 else np.concatenate(kept)
