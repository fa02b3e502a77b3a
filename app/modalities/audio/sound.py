"""Sound files → blocks of samples.

A sound is read block by block, and can be read again from its start, so that no more of it than a
block is in memory. Duration and size are checked during the reading, because headers may be wrong.
A truncated file is read up to its end, except for Ogg, which has its length there and is refused.
"""

import io
from collections.abc import Iterator

import numpy as np
import soundfile

from app.errors import InvalidInput
from app.modalities.audio.containers import checked
from app.modalities.audio.wav import read_pcm16

MAX_SECONDS = 300
MAX_VALUES = 30_000_000  # samples × channels of one sound
MAX_CHANNELS = 16
RATES = range(2_000, 384_001)  # Hz
BLOCK = 2**16  # samples × channels that are read at a time
_FRAMES = 4_096  # decoded at a time: at most so many are lost of a truncated file
_LOUDEST = 8.0  # float files may exceed full scale, but not so far that sums overflow
_DAMAGED = "the sound is damaged, or of a kind that is not read"


class SoundReader:
    """A sound file of a known format.

    rate: Hz. Raises `InvalidInput` for any other file, and where the sound cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        self._opened: soundfile.SoundFile | None = None  # for the first reading
        self._pcm: np.ndarray | None = None
        # A plain file needs no check; another may be one behind a tag.
        plain = read_pcm16(data) or read_pcm16(data := checked(data))
        if plain is not None:
            self._pcm, self.rate = plain
            channels = self._pcm.shape[1]
            self._limit = _most_frames(self.rate, channels)
            _check_length(len(self._pcm), self._limit, self.rate)
        else:
            self._data = data
            self._opened = _open(self._data)
            self.rate, channels = int(self._opened.samplerate), self._opened.channels
            self._limit = _most_frames(self.rate, channels)
        self._block = BLOCK // channels  # frames

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all of it, float32 (frames, channels), at least one frame."""
        if self._pcm is None:
            yield from self._decoded()
            return
        for start in range(0, len(self._pcm), self._block):
            yield self._pcm[start : start + self._block] / np.float32(32768)

    def _decoded(self) -> Iterator[np.ndarray]:
        count = 0
        opened, self._opened = self._opened or _open(self._data), None
        with opened as file:
            for block in _joined(_read(file, self._block), self._block):
                count += len(block)
                _check_length(count, self._limit, self.rate)
                if not np.isfinite(block).all():
                    raise InvalidInput(
                        "the sound holds values that are not numbers (NaN or infinity)"
                    )
                yield np.clip(block, -_LOUDEST, _LOUDEST, out=block)
        if not count:
            raise InvalidInput("expected a sound, got a file without samples")


class _Stream(soundfile.SoundFile):
    """A sound that is read from its begin to its end.

    After each read soundfile seeks to where it is, and libsndfile cannot do that at the end of a
    FLAC file whose header does not say how long it is, as encoders of streams write them.
    """

    def seekable(self) -> bool:
        return False


def _open(data: bytes) -> soundfile.SoundFile:
    try:
        return _Stream(io.BytesIO(data))
    except soundfile.SoundFileError as error:
        raise InvalidInput(_DAMAGED) from error


def _most_frames(rate: int, channels: int) -> int:
    """Return the largest number of frames to read; raise `InvalidInput` for an odd header."""
    if rate not in RATES:
        raise InvalidInput(f"expected a sample rate of {RATES[0]} to {RATES[-1]} Hz, got {rate}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidInput(f"expected 1 to {MAX_CHANNELS} channels, got {channels}")
    return min(MAX_SECONDS * rate, MAX_VALUES // channels)


def _check_length(frames: int, limit: int, rate: int) -> None:
    if frames > limit:
        raise InvalidInput(
            f"expected at most {limit / rate:.0f} s of sound, got more; send the part that matters"
        )


def _read(file: soundfile.SoundFile, frames: int) -> Iterator[np.ndarray]:
    """Read to the end, or to the first damaged block after a readable one."""
    # A truncated WAV file has no damaged block, so it can be read in larger pieces.
    frames = frames if file.format == "WAV" else min(frames, _FRAMES)
    readable = False
    while True:
        try:
            block = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            if readable:
                return
            raise InvalidInput(_DAMAGED) from error
        if not len(block):
            return
        readable = True
        yield block


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
