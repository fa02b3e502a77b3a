"""Sounds whose packets PyAV decodes: an extra, `thalamus[media]`, which a service may lack.

Of FFmpeg only the decoder of the one codec sees the file's bytes. What it makes is bounded by the
reader of the sound; here, what is read: no more than the file holds.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from app.errors import InvalidInput
from app.modalities.audio.packets import CodecPackets
from app.modalities.audio.refusals import (
    DAMAGED_SOUND,
    EXTRA,
    NO_SAMPLES,
    expected_sound,
    has_extra,
)

_SCALES = {"u8": 2**7, "s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


def refuse_without_extra(kind: str) -> None:
    """Raise `InvalidInput` that names the extra, where it is not installed."""
    if not has_extra():
        raise InvalidInput(
            f"{expected_sound()}, got {kind}, which this service does not read: "
            f"it lacks the extra {EXTRA}; convert it, or record PCM and send WAV"
        )


class DecodedPackets:
    """The sound that a codec's packets hold; raises `InvalidInput` where they hold none.

    data: the file. Its rate is that of the first frame, which may not be the declared one.
    """

    def __init__(self, data: bytes, packets: CodecPackets) -> None:
        self._data, self._packets = data, packets
        self.left_out = packets.left_out
        packets.check_overlap(data, times=2)
        self._frames: Iterator[Any] | None = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise InvalidInput(NO_SAMPLES)
        self._first = first
        self.rate, self.channels = first.sample_rate, first.layout.nb_channels

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples, float32 (frames, channels), as long as the codec makes them."""
        skipped = self._packets.skipped
        for frame in self._all_frames():
            if (frame.sample_rate, frame.layout.nb_channels) != (self.rate, self.channels):
                raise InvalidInput(
                    "expected one rate and number of channels, got a sound that changes them; "
                    "convert it to WAV"
                )
            block = _samples(frame, self.channels)[skipped:]
            skipped = max(0, skipped - frame.samples)
            if len(block):
                yield block

    def _all_frames(self) -> Iterator[Any]:
        decoded, self._frames = self._frames, None  # begun by the constructor, for one reading
        if decoded is None:
            decoded = self._decoded()
        else:
            yield self._first
        yield from decoded

    def _decoded(self) -> Iterator[Any]:
        """Yield FFmpeg's frames, to the end or to the first damaged packet after a good one."""
        import av

        context: Any = av.CodecContext.create(self._packets.codec, "r")
        if self._packets.setup:
            context.extradata = self._packets.setup
        context.thread_count = 1
        readable = False
        for start, size in [*self._packets.places, (0, -1)]:
            piece = self._data[start : start + size] if size > 0 else b""
            if size > len(piece) or size == 0:
                continue  # cut off, or empty
            try:
                frames = context.decode(av.Packet(piece) if piece else None)
            except (av.FFmpegError, ValueError, EOFError) as error:
                if readable:
                    return
                raise InvalidInput(DAMAGED_SOUND) from error
            for frame in frames:
                readable = True
                yield frame


def _samples(frame: Any, channels: int) -> np.ndarray:
    """Return float32 (frames, channels)."""
    name = frame.format.name
    planar = name.endswith("p")
    values: np.ndarray = frame.to_ndarray()
    values = values.T if planar else values.reshape(-1, channels)
    scale = _SCALES[name[:-1] if planar else name]
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / np.float32(scale)
    if scale == 1:
        return np.ascontiguousarray(values, dtype=np.float32)
    return (
        values / np.float32(scale)
        if values.itemsize < 4
        else (values.astype(np.float32) / np.float32(scale))
    )
