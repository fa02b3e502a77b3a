"""Blocks of a sound with several channels → one channel of 16-bit PCM at another rate.

Channels are averaged; where they cancel each other (antiphase stereo), the loudest one is used.
That is known only at the end, so such a sound, which is rare, is read twice. The resampler keeps
its state from block to block: the result does not depend on the size of the blocks.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import soxr

_CANCELLED = 0.01  # share of the loudest channel's power left in the average: -20 dB
_PIECE = 2**17  # samples that come out of the resampler at a time
Read = Callable[[], Iterator[np.ndarray]]


class MixedSound(NamedTuple):
    """A sound of one channel, int16 (samples,). left_out: a sentence on its other channels."""

    pcm: np.ndarray
    left_out: str | None = None


def mixed_pcm(read: Read, rate: int, target: int) -> MixedSound:
    """Return a sound of one channel at `target` Hz.

    read: returns its blocks from the start, float32 (frames, channels) at `rate` Hz.
    """
    mixer = _Mixer()
    pcm = _joined(_resampled(map(mixer.mix, read()), rate, target))
    loudest = mixer.loudest_if_cancelled()
    if loudest is None:
        several = f"its {mixer.channels} channels were averaged" if mixer.channels > 1 else None
        return MixedSound(pcm, several)
    del pcm
    pcm = _joined(_resampled((block[:, loudest] for block in read()), rate, target))
    kept = f"of its {mixer.channels} channels, which cancel each other, channel {loudest + 1} was"
    return MixedSound(pcm, f"{kept} heard")


class _Mixer:
    """Averages channels block by block, and adds up what power goes in and comes out."""

    def __init__(self) -> None:
        self._power: np.ndarray | float = 0.0  # of each channel
        self._mixed_power = 0.0
        self.channels = 1

    def mix(self, block: np.ndarray) -> np.ndarray:
        """Return the mean of the channels, float32 (frames,)."""
        if block.shape[1] == 1:
            return block[:, 0]
        self.channels = block.shape[1]
        mixed: np.ndarray = block.mean(axis=1, dtype=np.float32)
        self._power = self._power + np.einsum("fc,fc->c", block, block, dtype=np.float64)
        self._mixed_power += float(np.einsum("f,f->", mixed, mixed, dtype=np.float64))
        return mixed

    def loudest_if_cancelled(self) -> int | None:
        """Return the channel with the most power if little of it is left in the mean."""
        power = np.asarray(self._power)
        if power.ndim and self._mixed_power < _CANCELLED * power.max():
            return int(power.argmax())
        return None


def _resampled(blocks: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """Yield the sound as int16 pieces at the new rate."""
    if rate == target:
        yield from map(_pcm16, blocks)
        return
    pieces = _divided(blocks, max(1, _PIECE * rate // target))
    piece = next(pieces)
    following = next(pieces, None)
    if following is None:  # most sounds; a stream would cost twice the time
        yield _pcm16(soxr.resample(piece, rate, target))
        return
    stream = soxr.ResampleStream(rate, target, 1, dtype="float32")
    while following is not None:
        yield _pcm16(stream.resample_chunk(piece))
        piece, following = following, next(pieces, None)
    yield _pcm16(stream.resample_chunk(piece, last=True))


def _divided(blocks: Iterable[np.ndarray], frames: int) -> Iterator[np.ndarray]:
    """Yield pieces of at most so many frames."""
    for block in blocks:
        for start in range(0, len(block), frames):
            yield block[start : start + frames]


def _pcm16(signal: np.ndarray) -> np.ndarray:
    return np.clip(np.round(signal * 32768), -32768, 32767).astype(np.int16)


def _joined(pieces: Iterator[np.ndarray]) -> np.ndarray:
    kept = list(pieces)
    return kept[0] if len(kept) == 1 else np.concatenate(kept)
