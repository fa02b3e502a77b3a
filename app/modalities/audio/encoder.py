"""Sound files → 16-bit PCM, one channel, with the sample rate and the length of the bundle's spec.

Reads WAV, FLAC, Ogg (Vorbis, Opus) and MP3 with up to `MAX_CHANNELS` channels. Of a long sound only
the PCM at the model's rate is in memory as a whole; `sound` and `mixing` work block by block.
"""

from collections.abc import Mapping

import numpy as np

from app.modalities.audio.explanation import Window
from app.modalities.audio.mixing import mixed_pcm
from app.modalities.audio.sound import BLOCK, MAX_CHANNELS, MAX_SECONDS, RATES, SoundReader
from app.modalities.audio.spec import AudioSpec
from app.modalities.audio.wav import read_pcm16
from app.modalities.payload import Encoded, Payload

__all__ = ["MAX_CHANNELS", "MAX_SECONDS", "RATES", "AudioEncoder", "duration", "window"]

_SEARCHED = 2**20  # bytes
_STARTS = 2**16  # of windows whose energy is compared at a time
_FIXED_BYTES = 2**18  # the decoders' own
_BLOCK_BYTES = 5 * 2**19  # of all blocks in work, at most
_VALUE_BYTES = 32  # of each of their values
_SAMPLE_BYTES = 4  # of a sample of the result: in pieces, and joined


class AudioEncoder:
    """Decodes, mixes down, resamples and windows sounds as `spec` says."""

    media_types = "audio/*"

    def __init__(self, spec: AudioSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `audio/…`, and the media type that Ogg files often have."""
        return media_type.startswith("audio/") or media_type == "application/ogg"

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of bytes; WAV needs no decoding."""
        size = len(payload.data)
        return 1e-4 + 2e-8 * size if payload.data.startswith(b"RIFF") else 1e-3 + 5e-7 * size

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the PCM and of the blocks that are in work.

        Only of 16-bit WAV files the duration is known; the others may be of `MAX_SECONDS`. So may
        large WAV files, which take too long to search for a second header.
        """
        values, samples, rate = BLOCK, MAX_SECONDS * self.spec.rate, self.spec.rate
        plain = read_pcm16(payload.data) if len(payload.data) <= _SEARCHED else None
        if plain is not None and plain[1] in RATES:
            values = plain[0].size
            samples = min(samples, len(plain[0]) * rate // plain[1] + 1)
        blocks = min(_BLOCK_BYTES, _VALUE_BYTES * (values + samples))
        heard = 4 * self.spec.samples
        return _FIXED_BYTES + blocks + _SAMPLE_BYTES * samples + heard

    def encode(self, payload: Payload) -> Encoded[Window]:
        """Return `{"pcm": (samples,)}`, int16."""
        spec, sound = self.spec, SoundReader(payload.data)
        pcm = mixed_pcm(sound.blocks, sound.rate, spec.rate)
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

    A longer sound gives its loudest window, a new array. A shorter one is centred in silence; the
    index is then negative.
    """
    if pcm.size <= samples:
        before = (samples - pcm.size) // 2
        framed = np.zeros(samples, dtype=pcm.dtype)
        framed[before : before + pcm.size] = pcm
        return framed, -before
    start = _loudest_start(pcm, samples)
    return pcm[start : start + samples].copy(), start  # a view would keep all of it in memory


def _loudest_start(pcm: np.ndarray, samples: int) -> int:
    """Return where the window of the highest energy starts, the first of several."""
    energy = sum(
        int(_squares(pcm[start : min(start + _STARTS, samples)]).sum())
        for start in range(0, samples, _STARTS)
    )
    best, highest = 0, energy
    for start in range(0, pcm.size - samples, _STARTS):
        end = min(start + _STARTS, pcm.size - samples)
        change = _squares(pcm[start + samples : end + samples]) - _squares(pcm[start:end])
        energies = energy + np.cumsum(change)  # of the windows that start one sample later
        place = int(energies.argmax())
        if energies[place] > highest:
            best, highest = start + place + 1, int(energies[place])
        energy = int(energies[-1])
    return best


def _squares(pcm: np.ndarray) -> np.ndarray:
    return pcm.astype(np.int64) ** 2


def duration(data: bytes) -> float:
    """Return the duration of a sound in seconds; raise `InvalidInput` if it cannot be read."""
    sound = SoundReader(data)
    return sum(map(len, sound.blocks())) / sound.rate
