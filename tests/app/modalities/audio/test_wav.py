"""libsndfile as an oracle: the WAV reader gives the same samples or None."""

import io

import numpy as np
import pytest
import soundfile

from app.modalities.audio.encoder import RATES
from app.modalities.audio.wav import read_pcm16
from tests import media

PCM = np.random.default_rng(0).integers(-32768, 32768, (1000, 2), dtype=np.int16)


def libsndfile(data: bytes) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_wav_reader_equals_libsndfile(channels: int, rate: int) -> None:
    data = media.sound(PCM[:, :channels], rate, subtype="PCM_16")
    samples, found = read_pcm16(data)
    expected, known = libsndfile(data)
    assert np.array_equal(samples, expected)
    assert found == known == rate


def test_wav_reader_skips_other_chunks() -> None:
    plain = media.wav(PCM[:, 0].tobytes())
    place = plain.index(b"data")
    data = plain[:place] + b"LIST\x03\0\0\0odd\0" + plain[place:] + b"note\x02\0\0\0ab"
    assert np.array_equal(read_pcm16(data)[0], libsndfile(data)[0])


def test_wav_reader_takes_no_sample_for_a_header() -> None:
    samples = PCM[:, 0].tobytes()
    data = media.wav(samples[:400] + media.wav(samples)[12:36] + samples)
    assert np.array_equal(read_pcm16(data)[0], libsndfile(data)[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        media.wav()[:30],
        media.wav()[:-1],
        media.wav(b""),
        media.wav(kind=3, bits=32, block=4),
        media.wav(kind=1, bits=24, block=3),
        media.wav(kind=0xFFFE),
        media.wav(channels=0, block=0),
        media.wav(rate=0),
        media.wav(channels=2),
        media.wav(b"\0" * 801),
        media.wav(size=0xFFFFFFFF),
        media.wav(extra=b"\0" * 24),
        media.wav().replace(b"data", b"fact"),
        media.wav() + b"fmt \x10\0\0\0",
        media.sound(PCM, kind="FLAC"),
        media.wav().replace(b"data", b"junk\0\0\0\0" * 100 + b"data"),
    ],
)
def test_wav_reader_returns_none_for_unusual_files(data: bytes) -> None:
    assert read_pcm16(data) is None


def test_wav_reader_on_damaged_files_equals_libsndfile_or_none() -> None:
    chance = np.random.default_rng(1)
    whole = media.sound(PCM, subtype="PCM_16")
    read = 0
    for _ in range(2000):
        data = bytearray(whole)
        for place in chance.integers(0, 60, 2):
            data[place] = chance.integers(256)
        found = read_pcm16(bytes(data))
        if found is not None and found[1] in RATES:
            samples, rate = libsndfile(bytes(data))
            assert np.array_equal(found[0], samples)
            assert found[1] == rate
            read += 1
    assert read > 100
