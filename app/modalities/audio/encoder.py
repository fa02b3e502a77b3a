"""Sound files → 16-bit PCM, one channel, at the bundle's rate and of the bundle's length.

Reads WAV, FLAC, Ogg (Vorbis, Opus) and MP3 of any rate and up to `MAX_CHANNELS`
channels. Channels are averaged; where that cancels (antiphase stereo) the loudest
channel is taken. A file cut short is read as far as it goes (Ogg is refused: its length
stands at its end). Duration and size are checked while decoding, since headers lie.
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
_BLOCK = 4_096  # frames decoded at a time: as many may be lost where a file is cut short
_LOUDEST = 8.0  # float files may exceed full scale, but not so far that sums overflow
_CANCELLED = 0.01  # share of the loudest channel's power left in the average: -20 dB


class AudioEncoder:
    """Decodes, mixes down, resamples and windows sounds as `spec` says."""

    media_types = "audio/*"

    def __init__(self, spec: AudioSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    def accepts(self, media_type: str) -> bool:
        """Any `audio/…`, and the name that Ogg files often carry."""
        return media_type.startswith("audio/") or media_type == "application/ogg"

    def cost(self, payload: Payload) -> float:
        """By bytes: samples of a WAV are copied and resampled, all else is decoded first."""
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
    """Return `samples` values: the loudest stretch of a longer sound, a shorter one centred.

    And where they begin in `pcm`, which is before 0 where there is silence before it.
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
    """Return how many seconds a sound lasts; raise `InvalidInput` when it cannot be read."""
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
            # What is left of PCM that was cut short is no damage: it can be read in one go.
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
    """Return how many frames are read at most; refuse before reading what would not fit."""
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
    """Read to the end, block by block; a damaged tail ends the sound instead of losing it."""
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
    """Average the channels, or take the loudest where they cancel each other."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    mixed: np.ndarray = frames.mean(axis=1, dtype=np.float32)
    power = np.einsum("fc,fc->c", frames, frames, dtype=np.float64)
    if np.einsum("f,f->", mixed, mixed, dtype=np.float64) < _CANCELLED * power.max():
        return frames[:, int(power.argmax())]
    return mixed
