"""Sounds that libsndfile decodes: FLAC, Ogg, MP3, ADPCM, GSM 6.10, Apple Lossless in CAF.

libsndfile opens 26 formats; `containers` decides which files reach it. A truncated file is read up
to its end, except for Ogg, which has its length there and is refused.
"""

import io
from collections.abc import Iterator

import numpy as np
import soundfile

from app.errors import InvalidInput
from app.modalities.audio.mpeg import is_frame_mark, with_length
from app.modalities.audio.refusals import DAMAGED_SOUND

_FRAMES = 4_096  # decoded at a time: at most so many are lost of a truncated file


class LibraryFile:
    """A file that libsndfile opens; raises `InvalidInput` where it does not."""

    left_out: str | None = None

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._opened: soundfile.SoundFile | None = _open(data)  # for the first reading
        self.rate, self.channels = int(self._opened.samplerate), self._opened.channels

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples, float32 (frames, channels), at most so many frames at a time."""
        opened, self._opened = self._opened or _open(self._data), None
        with opened as file:
            yield from _read(file, frames)


class LibraryFiles:
    """MP3 sounds in a row: all are heard, as players do, where they have one form.

    starts: of the further ones. has_one_form: whether they can be joined.
    """

    def __init__(self, data: bytes, starts: list[int], has_one_form: bool) -> None:
        ends = [*starts, len(data)]
        self._parts = [data[a:b] for a, b in zip([0, *starts], ends, strict=True)]
        self.left_out: str | None = f"{len(self._parts)} sounds in a row were heard as one"
        if not has_one_form:
            self.left_out = f"the first of {len(self._parts)} sounds in a row was heard"
            self._parts = self._parts[:1]
        first = LibraryFile(self._parts[0])
        self.rate, self.channels = first.rate, first.channels

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples, float32 (frames, channels), at most so many frames at a time."""
        for part in self._parts:
            yield from LibraryFile(with_length(part)).blocks(frames)


class _Nameless(io.BytesIO):
    """A file for which libsndfile looks for no other file on the disk.

    What is neither WAV nor of another kind with a mark, which is MP3, may be half of an SD2 sound,
    whose other half stands beside it: libsndfile opens `._` and the file's name, which is empty
    here, in the working directory. It does not where the file has no length when it is opened.
    """

    _is_asked = False

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek, but the first time not to the end: that asks how long the file is."""
        if whence == io.SEEK_END and not self._is_asked:
            self._is_asked = True
            return super().seek(0)
        return super().seek(offset, whence)


class _Stream(soundfile.SoundFile):
    """A sound that is read from its begin to its end.

    After each read soundfile seeks to where it is, and libsndfile cannot do that at the end of a
    FLAC file whose header does not say how long it is, as encoders of streams write them.
    """

    def seekable(self) -> bool:
        return False


def _open(data: bytes) -> soundfile.SoundFile:
    try:
        return _Stream(_Nameless(data) if is_frame_mark(data) else io.BytesIO(data))
    except soundfile.SoundFileError as error:
        raise InvalidInput(DAMAGED_SOUND) from error


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
            raise InvalidInput(DAMAGED_SOUND) from error
        if not len(block):
            return
        readable = True
        yield block
