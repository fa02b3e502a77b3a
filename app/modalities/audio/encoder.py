"""Sound files → 16-bit PCM, one channel, with the sample rate and the length of the bundle's spec.

Reads WAV, FLAC, Ogg (Vorbis, Opus) and MP3 with up to `MAX_CHANNELS` channels. Channels are
averaged; where they cancel each other (antiphase stereo), the loudest one is used. A truncated file
is read up to its end, except for Ogg, which has its length there and is refused. Duration and size
are checked during the decoding, because headers may be wrong.
"""

import io
from collections.abc import Mapping

import numpy as np
import soundfile
import soxr

from app.errors import InvalidInput
from app.modalities.audio.containers import checked
from app.modalities.audio.explanation import Window
from app.modalities.audio.spec import AudioSpec
from app.modalities.audio.wav import read_pcm16
from app.modalities.payload import Encoded, Payload

MAX_SECONDS = 300
MAX_VALUES = 30_000_000  # samples × channels: 120 MB as float32
MAX_CHANNELS = 16
RATES = range(2_000, 384_001)  # Hz
_BLOCK = 4_096  # frames decoded at a time: at most so many are lost of a truncated file
_LOUDEST = 8.0  # float files may exceed full scale, but not so far that sums overflow
_CANCELLED = 0.01  # share of the loudest channel's power left in the average: -20 dB


class AudioEncoder:
    """Decodes, mixes down, resamples and windows sounds as `spec` says."""

    media_types = "audio/*"

    def __init__(self, spec: AudioSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    def accepts(self, media_type: str) -> bool:
        """Accept any `audio/…`, and the media type that Ogg files often have."""
        return media_type.startswith("audio/") or media_type == "application/ogg"

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of bytes; WAV needs no decoding."""
        size = len(payload.data)
        return 1e-4 + 2e-8 * size if payload.data.startswith(b"RIFF") else 1e-3 + 5e-7 * size

    def encode(self, payload: Payload) -> Encoded[Window]:
        """Return `{"pcm": (samples,)}`, int16."""
        spec = self.spec
        frames, rate = _decode(payload.data)
        signal = _mix_down(frames)
        if rate != spec.rate:
            signal = soxr.resample(signal, rate, spec.rate)
        pcm = np.clip(np.round(signal * 32768), -32768, 32767).astype(np.int16)
        truncated = None
        if pcm.size > spec.samples:
            truncated = (
                f"the sound lasts {pcm.size / spec.rate:.2f} s; "
                f"its loudest {spec.samples / spec.rate:.2f} s were heard"
            )
        heard, start = window(pcm, spec.samples)
        heard_window = Window(start / spec.rate, spec.samples / spec.rate)
        return Encoded({"pcm": heard}, truncated, heard_window)


def window(pcm: np.ndarray, samples: int) -> tuple[np.ndarray, int]:
    """Return `samples` values of a sound, and the index in `pcm` of the first of them.

    A longer sound gives its loudest window. A shorter one is centred in silence; the index is then
    negative.
    """
    if pcm.size <= samples:
        before = (samples - pcm.size) // 2
        framed = np.zeros(samples, dtype=pcm.dtype)
        framed[before : before + pcm.size] = pcm
        return framed, -before
    energy = np.concatenate([[0.0], np.cumsum(pcm.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return pcm[start : start + samples], start


def duration(data: bytes) -> float:
    """Return the duration of a sound in seconds; raise `InvalidInput` if it cannot be read."""
    frames, rate = _decode(data)
    return len(frames) / rate


def _decode(data: bytes) -> tuple[np.ndarray, int]:
    """Return `(frames, channels)` float32 in [-1, 1] and the rate in Hz."""
    data = checked(data)
    if (plain := read_pcm16(data)) is not None:
        pcm, rate = plain
        _check_length(len(pcm), _most_frames(rate, pcm.shape[1]), rate)
        return pcm / np.float32(32768), rate
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            # A truncated WAV file has no damaged block, so it can be read in one call.
            frames = _read(sound, 2 * len(data) if sound.format == "WAV" else _BLOCK)
            rate = int(sound.samplerate)
    except soundfile.SoundFileError as error:
        raise InvalidInput("the sound is damaged, or of a kind that is not read") from error
    if frames.size == 0:
        raise InvalidInput("expected a sound, got a file without samples")
    if not np.isfinite(frames).all():
        raise InvalidInput("the sound holds values that are not numbers (NaN or infinity)")
    return np.clip(frames, -_LOUDEST, _LOUDEST, out=frames), rate


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


def _read(sound: soundfile.SoundFile, block_frames: int) -> np.ndarray:
    """Read block by block to the end, or to the first damaged block after a readable one."""
    limit = _most_frames(sound.samplerate, sound.channels)
    block_frames = min(block_frames, limit + 1)
    blocks: list[np.ndarray] = []
    count = 0
    while True:
        try:
            block = sound.read(block_frames, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            if not blocks:
                raise
            break
        if not len(block):
            break
        blocks.append(block)
        count += len(block)
        _check_length(count, limit, sound.samplerate)
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if blocks else np.empty((0, sound.channels), np.float32)


def _mix_down(frames: np.ndarray) -> np.ndarray:
    """Return the mean of the channels, or the loudest one where they cancel each other."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    mixed: np.ndarray = frames.mean(axis=1, dtype=np.float32)
    power = np.einsum("fc,fc->c", frames, frames, dtype=np.float64)
    if np.einsum("f,f->", mixed, mixed, dtype=np.float64) < _CANCELLED * power.max():
        return frames[:, int(power.argmax())]
    return mixed
