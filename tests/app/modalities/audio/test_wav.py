"""libsndfile as an oracle: what is read here of plain samples is what it reads."""

import io

import numpy as np
import pytest
import soundfile

from app.errors import InvalidInput
from app.modalities.audio.containers import open_sound
from app.modalities.audio.layout import PlainSamples
from app.modalities.audio.wav import plain_layout
from tests import media

PCM = np.random.default_rng(0).integers(-32768, 32768, (1000, 2), dtype=np.int16)
LARGE = np.random.default_rng(1).integers(-(2**31), 2**31, (1000, 2), dtype=np.int32)


def libsndfile(data: bytes) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)


def read(data: bytes) -> tuple[np.ndarray, int] | None:
    layout = plain_layout(data)
    if layout is None:
        return None
    samples = PlainSamples(data, layout)
    blocks = [block.copy() for block in samples.blocks(300)]
    return np.concatenate(blocks) if blocks else np.zeros((0, layout.channels)), samples.rate


def drawn(subtype: str) -> np.ndarray:
    """Noise in the type that soundfile writes as it is."""
    return LARGE / 2**31 if subtype in ("FLOAT", "DOUBLE") else LARGE


SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64"])
def test_reader_equals_libsndfile(channels: int, subtype: str, kind: str) -> None:
    data = media.sound(drawn(subtype)[:, :channels], 44_100, kind, subtype)
    samples, found = read(data)
    expected, known = libsndfile(data)
    assert samples.dtype == np.float32
    assert np.array_equal(samples, expected)
    assert found == known == 44_100


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_big_endian_wav_is_read(subtype: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, drawn(subtype), 8000, subtype, "BIG", "WAV")
    data = file.getvalue()
    assert data.startswith(b"RIFX")
    assert np.array_equal(read(data)[0], libsndfile(data)[0])


def test_all_bytes_of_g711_equal_libsndfile() -> None:
    for kind in (6, 7):
        data = media.wav(bytes(range(256)), kind, 1, 8000, 1, 8)
        assert np.array_equal(read(data)[0], libsndfile(data)[0])


@pytest.mark.parametrize("padded", [True, False])
def test_other_chunks_are_skipped(padded: bool) -> None:
    plain = media.wav(PCM[:, 0].tobytes())
    place = plain.index(b"data")
    odd = b"LIST\x03\0\0\0odd" + b"\0" * padded
    data = plain[:place] + odd + plain[place:] + b"note\x02\0\0\0ab"
    assert np.array_equal(read(data)[0], libsndfile(plain)[0])


def test_samples_are_not_taken_for_a_header() -> None:
    samples = PCM[:, 0].tobytes()
    data = media.wav(samples[:400] + media.wav(samples)[12:36] + samples)
    assert np.array_equal(read(data)[0], libsndfile(data)[0])


def unwritten(size: int) -> list[bytes]:
    """Files whose sizes say that, of the sound in `PCM`."""
    wav = media.wav(PCM.tobytes(), channels=2, block=4, size=size)
    aiff = bytearray(media.sound(PCM, kind="AIFF", subtype="PCM_16"))
    place = aiff.index(b"SSND") + 4
    aiff[place : place + 4] = size.to_bytes(4, "big")
    au = bytearray(media.sound(PCM, kind="AU", subtype="PCM_16"))
    au[8:12] = size.to_bytes(4, "big")
    w64 = bytearray(media.sound(PCM, kind="W64", subtype="PCM_16"))
    place = w64.index(b"data") + 16
    w64[place : place + 8] = size.to_bytes(8, "little")
    rf64 = bytearray(media.sound(PCM, kind="RF64", subtype="PCM_16"))
    place = rf64.index(b"ds64") + 16
    rf64[place : place + 8] = size.to_bytes(8, "little")
    return [wav, *map(bytes, (aiff, au, w64, rf64))]


@pytest.mark.parametrize("size", [0, 2**31 - 1, 2**32 - 1])
def test_sizes_that_were_not_written_are_those_of_the_file(size: int) -> None:
    for data in unwritten(size):
        read = np.concatenate([*open_sound(data).blocks(2**16)])
        assert np.array_equal(read, PCM / np.float32(32768)), data[:16]


def test_chunks_behind_no_samples_are_no_samples() -> None:
    for data in (
        media.wav(b""),
        media.wav(b"") + b"LIST\x04\0\0\0INFO",
        media.wav(b"") + b"PAD \0\0\0\0",
    ):
        assert plain_layout(data).frames == 0
    assert plain_layout(media.wav(b"") + b"\1\2\3\4").frames == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        media.wav()[:30],
        media.wav()[:41],
        media.wav(kind=1, bits=24, block=2),
        media.wav(kind=0xFFFE),
        media.wav(channels=0, block=0),
        media.wav(rate=0),
        media.wav(channels=2),
        media.wav().replace(b"data", b"fact"),
        media.sound(PCM, kind="FLAC"),
        media.wav().replace(b"data", b"junk\0\0\0\0" * 300 + b"data"),
    ],
)
def test_other_files_are_no_plain_samples(data: bytes) -> None:
    assert plain_layout(data) is None


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF"])
def test_damaged_headers_give_samples_of_the_file_or_a_refusal(kind: str, subtype: str) -> None:
    chance = np.random.default_rng(1)
    if subtype == "PCM_U8" and kind in ("AU", "CAF"):
        subtype = "PCM_S8"
    whole = media.sound(PCM[:200], kind=kind, subtype=subtype)
    for _ in range(60):
        data = bytearray(whole)
        for place in chance.integers(0, 120, 2):
            data[place] = chance.integers(256)
        try:
            source = open_sound(bytes(data))
        except InvalidInput:
            continue
        if isinstance(source, PlainSamples):
            assert source.frames * source.channels <= len(data)
