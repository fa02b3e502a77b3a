"""Sound files → 16-bit PCM, one channel, with the sample rate and the length of the bundle's spec.

`containers` says which files are read, with up to `MAX_CHANNELS` channels. Of a long sound only the
PCM at the model's rate is in memory as a whole; `sound` and `mixing` work block by block.
"""

from collections.abc import Mapping

from app.modalities.audio.explanation import Window
from app.modalities.audio.loudest import window
from app.modalities.audio.mixing import mixed_pcm
from app.modalities.audio.sound import BLOCK, MAX_CHANNELS, MAX_SECONDS, RATES, SoundReader
from app.modalities.audio.spec import AudioSpec
from app.modalities.audio.wav import plain_layout
from app.modalities.payload import Encoded, Payload

__all__ = ["MAX_CHANNELS", "MAX_SECONDS", "RATES", "AudioEncoder", "duration", "window"]

_FIXED_BYTES = 2**18  # the decoders' own
_BLOCK_BYTES = 5 * 2**19  # of all blocks in work, at most
_VALUE_BYTES = 32  # of each of their values
_SAMPLE_BYTES = 4  # of a sample of the result: in pieces, and joined
_PACKET_BYTES = 2**25  # of a list of packets, and of their decoder
_PLAIN_TAGS = (b"\1\0", b"\3\0", b"\xfe\xff")  # PCM, float, extensible; in WAV
_FILMS = ("video/webm", "video/mp4", "video/x-matroska", "video/quicktime", "video/3gpp")


class AudioEncoder:
    """Decodes, mixes down, resamples and windows sounds as `spec` says."""

    media_types = "audio/* or video/webm"

    def __init__(self, spec: AudioSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `audio/…`, and what recorders and Ogg files are declared as."""
        return media_type.startswith("audio/") or media_type in ("application/ogg", *_FILMS)

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of bytes; plain samples in WAV need no decoding."""
        data, size = payload.data, len(payload.data)
        plain = data.startswith(b"RIFF") and data[20:22] in _PLAIN_TAGS
        return 1e-4 + 2e-8 * size if plain else 1e-3 + 5e-7 * size

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the PCM and of the blocks that are in work.

        Only of plain samples in WAV files the duration is known; the others may be of
        `MAX_SECONDS`, are copied once, and may be lists of packets.
        """
        values, samples, rate = BLOCK, MAX_SECONDS * self.spec.rate, self.spec.rate
        more = 0
        plain = plain_layout(payload.data)
        if plain is None:
            more = len(payload.data) + _PACKET_BYTES
        elif plain.rate in RATES:
            values = plain.frames * plain.channels
            samples = min(samples, plain.frames * rate // plain.rate + 1)
        blocks = more + min(_BLOCK_BYTES, _VALUE_BYTES * (values + samples))
        heard = 4 * self.spec.samples
        return _FIXED_BYTES + blocks + _SAMPLE_BYTES * samples + heard

    def encode(self, payload: Payload) -> Encoded[Window]:
        """Return `{"pcm": (samples,)}`, int16."""
        spec, sound = self.spec, SoundReader(payload.data)
        pcm, mixed = mixed_pcm(sound.blocks, sound.rate, spec.rate)
        said = [each for each in (sound.left_out, mixed) if each is not None]
        if pcm.size > spec.samples:
            said.append(
                f"the sound lasts {pcm.size / spec.rate:.2f} s; "
                f"its loudest {spec.samples / spec.rate:.2f} s were heard"
            )
        heard, start = window(pcm, spec.samples, spec.rate)
        heard_window = Window(start / spec.rate, spec.samples / spec.rate)
        return Encoded({"pcm": heard}, "; ".join(said) or None, heard_window)


def duration(data: bytes) -> float:
    """Return the duration of a sound in seconds; raise `InvalidInput` if it cannot be read."""
    sound = SoundReader(data)
    return sum(map(len, sound.blocks())) / sound.rate
