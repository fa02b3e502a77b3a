"""What the default encoder of each modality cannot distinguish, as bytes, without torch.

Two samples with one fingerprint are the same sample to a network: a picture as PNG and as BMP, a
text with one more space. Each function raises `InvalidInput` for what its encoder cannot read. They
are functions of a module that imports little, so that processes that run them start at once.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.audio.mixing import mixed_pcm
from app.modalities.audio.sound import SoundReader
from app.modalities.charset import decode_text
from app.modalities.image.encoder import ImageEncoder
from app.modalities.image.header import read_header
from app.modalities.image.kinds import picture_kind
from app.modalities.image.spec import ImageSpec
from app.modalities.text.plain_text import plain_text

PICTURE_SPEC = ImageSpec(height=64, width=64, fit="pad", resample="bilinear")
"""How pictures of one's own are encoded by default."""
SOUND_RATE = 16_000
"""Hz. It keeps the frequencies by which most sounds differ."""

# The first bytes of a sound, those from the ninth on, and its media type. Films are not recognised.
_SOUNDS = (
    (b"RIFF", b"WAVE", "audio/wav"),
    (b"RIFX", b"WAVE", "audio/wav"),
    (b"RF64", b"WAVE", "audio/wav"),
    (b"BW64", b"WAVE", "audio/wav"),
    (b"riff.\x91\xcf\x11", b"", "audio/wav"),
    (b"FORM", b"AIF", "audio/aiff"),
    (b"caff\0\1", b"", "audio/x-caf"),
    (b".snd\0", b"", "audio/basic"),
    (b"fLaC", b"", "audio/flac"),
    (b"OggS", b"", "audio/ogg"),
)
_ROWS, _COLUMNS = 8, 9  # of the means whose differences are an outline
_FLAT = 4.0  # levels of 255; the means of a picture that vary less have no outline


@dataclass(frozen=True, slots=True)
class SampleFingerprint:
    """key: equal for samples that the encoder cannot distinguish.

    outline: 64 bits of a picture, most of which stay when it is resized or compressed anew; None
    for other samples, and for pictures of one colour.
    """

    key: bytes
    outline: int | None = None


TakeFingerprint = Callable[[Payload, bool], SampleFingerprint]  # (payload, whether case is kept)


def content_fingerprint(payload: Payload, keeps_case: bool) -> SampleFingerprint:
    """Return the bytes themselves."""
    return SampleFingerprint(payload.data)


def text_fingerprint(payload: Payload, keeps_case: bool) -> SampleFingerprint:
    """Return the words that a text network reads."""
    return SampleFingerprint(text_key(decode_text(payload), keeps_case))


def text_key(text: str, keeps_case: bool) -> bytes:
    """Return the cleaned text, or, where case is kept, its normalised words, in UTF-8."""
    words = _as_written(text) if keeps_case else plain_text(text)
    if not words:
        raise InvalidInput("expected some text, got none (or only white space)")
    return words.encode("utf-8", "surrogatepass")


def _as_written(text: str) -> str:
    """Return the words with their capitals, in one Unicode form."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def picture_fingerprint(payload: Payload, keeps_case: bool) -> SampleFingerprint:
    """Return the encoded pixels, and the outline of the picture."""
    pixels = ImageEncoder(PICTURE_SPEC, {}).encode(payload).arrays["image"]
    return SampleFingerprint(pixels.tobytes(), _outline(pixels))


def sound_fingerprint(payload: Payload, keeps_case: bool) -> SampleFingerprint:
    """Return the PCM of the whole sound, mixed down and resampled."""
    sound = SoundReader(payload.data)
    return SampleFingerprint(mixed_pcm(sound.blocks, sound.rate, SOUND_RATE).pcm.tobytes())


def picture_type(head: bytes) -> str | None:
    """Return the media type of a file that begins like a picture."""
    kind = picture_kind(head)
    if kind == "BMP":
        return _bitmap(head)
    if kind is None or (kind in ("GIF", "WebP") and read_header(head) is None):
        return None
    return f"image/{kind.lower()}"


def _bitmap(head: bytes) -> str | None:
    """Return the media type of a BMP; two letters alone may begin a text."""
    size = int.from_bytes(head[14:18], "little")
    return "image/bmp" if size in (12, 40, 52, 56, 64, 108, 124) else None


def sound_type(head: bytes) -> str | None:
    """Return the media type of a file that begins like a sound."""
    for mark, kind, media_type in _SOUNDS:
        if head.startswith(mark) and head[8 : 8 + len(kind)] == kind:
            return media_type
    if head.startswith(b"ID3") or (
        len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] & 0xF0 != 0xF0
    ):
        return "audio/mpeg"
    return "audio/mp4" if head[4:12] == b"ftypM4A " else None


def no_type(head: bytes) -> None:
    """Recognise nothing by its first bytes: the names of files decide."""


def _outline(pixels: np.ndarray) -> int | None:
    """Return 64 bits: of each mean brightness in a coarse grid, whether the next one is higher."""
    gray = pixels.sum(axis=2, dtype=np.int64)
    rows, columns = (
        np.linspace(0, size, parts + 1).astype(int)
        for size, parts in zip(gray.shape, (_ROWS, _COLUMNS), strict=True)
    )
    sums = np.add.reduceat(np.add.reduceat(gray, rows[:-1], axis=0), columns[:-1], axis=1)
    means = sums / (pixels.shape[2] * np.outer(np.diff(rows), np.diff(columns)))
    if float(means.std()) < _FLAT:
        return None
    bits = (means[:, 1:] > means[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
