import struct

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.audio.encoder import MAX_SECONDS, duration
from app.modalities.audio.loudest import window
from app.modalities.audio.spec import AudioSpec
from tests.fakes import RATE, SAMPLES
from tests.media import sound, tone, wav

SPEC = AudioSpec(rate=RATE, samples=SAMPLES)
TONE = tone(440)


def encoded(data: bytes, **spec) -> Encoded:
    return encoder_for(SPEC.model_copy(update=spec), {}).encode(Payload(data, "audio/wav"))


def encode(data: bytes, **spec) -> np.ndarray:
    return encoded(data, **spec).arrays["pcm"]


def refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        encode(data)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the root mean square of the difference, as a share of full scale."""
    return float(np.sqrt(np.mean((one.astype(float) - other) ** 2)) / 32768)


def test_pcm_at_the_right_rate_stays_unchanged() -> None:
    pcm = np.round(TONE * 32767).astype(np.int16)
    made = encode(sound(pcm))
    assert made.dtype == np.int16
    assert np.array_equal(made, pcm)


def pitch(pcm: np.ndarray) -> float:
    """Return the strongest frequency, in hertz."""
    return float(np.argmax(np.abs(np.fft.rfft(pcm))) * RATE / pcm.size)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        *(("WAV", s) for s in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")),
        ("WAV", "IMA_ADPCM"),
        ("WAV", "MS_ADPCM"),
        ("WAV", "GSM610"),
        ("WAVEX", "PCM_16"),
        ("WAVEX", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_all_formats_give_the_same_sound(kind: str, subtype: str) -> None:
    made = encode(sound(TONE, kind=kind, subtype=subtype))
    assert pitch(made) == 440
    assert made.std() == pytest.approx(encode(sound(TONE)).std(), rel=0.1)


@pytest.mark.parametrize("rate", [2_000, 11_025, 16_000, 44_100, 48_000, 192_000, 384_000])
def test_resampling_keeps_the_sound(rate: int) -> None:
    made = encode(sound(tone(440, rate=rate), rate))
    assert difference(made[200:-200], (TONE * 32768)[200:-200]) < 0.01


def test_channels_are_averaged() -> None:
    left, right = tone(440), tone(900)
    made = encode(sound(np.stack([left, right], axis=1)))
    assert difference(made, (left + right) / 2 * 32768) < 1e-4


def test_antiphase_stereo_is_not_silence() -> None:
    made = encode(sound(np.stack([TONE * 0.99, -TONE], axis=1)))
    assert difference(made, -TONE * 32768) < 1e-4, "the loudest channel"


def test_long_sound_keeps_its_loudest_window_and_reports_truncation() -> None:
    quiet = np.zeros(2 * SAMPLES)
    made = encoded(sound(np.concatenate([quiet, TONE, quiet])))
    assert np.array_equal(made.arrays["pcm"], encode(sound(TONE)))
    assert made.truncated == "the sound lasts 2.50 s; its loudest 0.50 s were heard"


def test_a_shorter_sound_is_centred_in_silence() -> None:
    made = encoded(sound(TONE[:1000]))
    assert made.truncated is None
    assert np.array_equal(made.arrays["pcm"][1500:2500], encode(sound(TONE))[:1000])
    assert not made.arrays["pcm"][:1500].any()
    assert not made.arrays["pcm"][2500:].any()


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 50])
def test_window_always_has_the_given_length(size: int) -> None:
    assert window(np.arange(size, dtype=np.int16), 6, 100)[0].shape == (6,)


def test_sound_of_one_sample_is_encoded() -> None:
    assert encode(sound(np.array([0.5]))).shape == (SAMPLES,)
    assert encode(sound(np.array([0.5]), 384_000)).shape == (SAMPLES,)


def test_duration_is_in_seconds() -> None:
    assert duration(sound(TONE)) == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    signal = TONE.copy()
    signal[100] = value
    refused(sound(signal, subtype="FLOAT"), "not numbers")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "got 0 bytes"),
        (b"text", "got something else"),
        (b"\xff", "got something else"),
        (b"\xff\xfb", "damaged"),
        (b"RIFF", "another kind"),
        (b"RIFF\0\0\0\0AVI LIST", "another kind"),
        (b"RIFF\0\0\0\0WAVE", "without a format chunk"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\1\0\1\0", "too short"),
        (b"fLaC" + b"\0" * 60, "damaged"),
        (b"OggS" + b"\0" * 60, "damaged"),
        (b"\x1aE\xdf\xa3webm", "WebM"),
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"#!AMR\n", "AMR"),
        (b"FORM\0\0\0\0AIFF", "AIFF file without"),
        (b"RF64", "another kind"),
        (b".snd", "AU file that is cut off"),
        (wav(b""), "without samples"),
        (wav(rate=0), "no sample rate"),
        (wav(channels=0), "no channels"),
        (wav(rate=1999), "sample rate of 2000 to 384000"),
        (wav(rate=400_000), "sample rate of 2000 to 384000"),
        (wav(rate=2**32 - 1), "sample rate"),
        (wav(channels=17, block=34), "1 to 16 channels"),
        (wav(channels=65535, block=65535), "65535 channels in blocks of 65535"),
        (wav(kind=0x161), "0x0161"),
        (wav(kind=0x55), "declares MP3 and holds something else"),
        (wav(b"\xff\xfb" + b"\0" * 60, kind=0x55), "damaged"),
        (wav(bits=0, block=0), "0 bits"),
    ],
)
def test_invalid_sound_is_refused(data: bytes, message: str) -> None:
    refused(data, message)


def ima(channels: int, block: int, samples: int, kind: int = 0x11) -> bytes:
    extra = struct.pack("<HH", 2, samples)
    return wav(b"\0" * 4 * block, kind, channels, RATE, block, 4, extra)


def test_mp3_within_wav_is_read_as_mp3() -> None:
    alone = sound(TONE, kind="MP3", subtype="MPEG_LAYER_III")
    within = wav(alone, 0x55) + b"LIST\4\0\0\0INFO"
    assert np.array_equal(encode(within), encode(alone))
    cut = wav(alone, 0x55)[: -len(alone) // 3]
    assert pitch(encode(cut)) == pytest.approx(440, abs=2)


def test_consistent_ima_adpcm_is_read() -> None:
    assert encode(ima(1, 256, 505)).shape == (SAMPLES,)


@pytest.mark.parametrize(
    ("channels", "block", "samples"),
    [(1, 256, 65535), (1, 256, 504), (2, 8, 1), (1, 4, 1), (1, 0, 505), (65535, 256, 505)],
)
def test_inconsistent_ima_adpcm_never_reaches_the_decoder(channels, block, samples) -> None:
    refused(ima(channels, block, samples), "contradicts")


def test_a_second_format_chunk_is_refused() -> None:
    hostile = ima(1, 256, 65535)
    good = wav()
    refused(good[:36] + hostile[12:], "two different format chunks")
    refused(good[:36] + b"\x01junk" + hostile[12:], "without a chunk of data")


def test_id3_tag_does_not_hide_a_refused_format() -> None:
    tag = b"ID3\3\0\0\0\0\0\x0a" + b"\0" * 10
    for rest in (b"", b"data\0\0\0\0"):  # libsndfile takes the second for the samples
        assert np.array_equal(encode(tag + sound(TONE) + rest), encode(sound(TONE)))
    refused(tag * 3 + ima(1, 256, 65535), "contradicts")
    refused(tag + b"FORM\0\0\0\0AIFF", "AIFF")
    refused(tag, "got 0 bytes")
    refused(b"ID3\3\0\0\0\0\0\0" * 200_000, "at most 100 tags")
    refused(b"ID3", "something else")


def test_an_extensible_header_is_read_by_its_real_tag() -> None:
    guid = struct.pack("<HHIH", 22, 16, 0, 2) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    refused(wav(kind=0xFFFE, extra=guid), "ADPCM")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3"])
def test_truncated_sound_is_read_to_its_end(kind: str) -> None:
    data = sound(tone(440, seconds=6), kind=kind)
    assert 0.5 < duration(data[: len(data) // 2]) < 6


@pytest.mark.parametrize("samples", [900, 3_500, 40_000])
@pytest.mark.parametrize("said", [0, 2**36 - 1])
def test_flac_of_unwritten_length_is_read_to_its_end(samples: int, said: int) -> None:
    """Encoders of streams write a length of 0: they cannot know it when they begin."""
    data = bytearray(sound(np.random.default_rng(0).normal(0, 0.1, samples), kind="FLAC"))
    expected = encode(bytes(data))
    data[21] = data[21] & 0xF0 | said >> 32  # the last 36 bits of eight bytes
    data[22:26] = (said & 0xFFFFFFFF).to_bytes(4, "big")
    assert np.array_equal(encode(bytes(data)), expected)


def test_truncated_ogg_is_refused() -> None:
    data = sound(tone(440, seconds=6), kind="OGG")
    refused(data[: len(data) // 2], "without samples|damaged")


def test_an_hour_of_silence_in_a_few_bytes_is_refused() -> None:
    data = sound(np.zeros((MAX_SECONDS + 1) * 2000, dtype=np.int16), 2000, "FLAC")
    assert len(data) < 50_000
    refused(data, "at most 300 s of sound, got more")


def test_channels_count_towards_the_limit() -> None:
    data = sound(np.zeros((2_000_000, 16), dtype=np.int16), 44_100, "WAV")
    refused(data, "at most 43 s of sound")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_flipped_bits_give_a_sound_or_a_refusal(kind: str) -> None:
    random = np.random.default_rng(2)
    data = sound(TONE, kind=kind)
    for _ in range(40):
        rotten = bytearray(data)
        for place in random.integers(0, min(len(data), 400), 4):
            rotten[place] = random.integers(256)
        try:
            assert encode(bytes(rotten)).shape == (SAMPLES,)
        except InvalidInput:
            continue


def test_accepts_sounds_only() -> None:
    encoder = encoder_for(SPEC, {})
    assert encoder.accepts("audio/x-wav")
    assert encoder.accepts("application/ogg")
    assert encoder.accepts("video/webm")
    assert not encoder.accepts("text/plain")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("rate", [RATE, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("antiphase", [False, True])
def test_blocks_give_the_same_sound_as_one_piece(
    kind: str, rate: int, channels: int, antiphase: bool, monkeypatch
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (int(1.7 * rate), 1))
    loudness = np.linspace(0.2, 1, len(noise))[:, np.newaxis] % 0.7
    sides = [1, -0.99 if antiphase else 0.5][:channels]
    data = sound(noise * loudness * sides, rate, kind)
    whole = encoded(data)
    sizes = {"sound.BLOCK": 4096 * channels, "mixing._PIECE": 1000, "loudest._STARTS": 1000}
    for name, size in sizes.items():
        monkeypatch.setattr(f"app.modalities.audio.{name}", size)
    blocks = encoded(data)
    assert np.array_equal(whole.arrays["pcm"], blocks.arrays["pcm"])
    assert (whole.truncated, whole.context) == (blocks.truncated, blocks.context)


def test_the_window_is_the_loudest_one(monkeypatch) -> None:
    monkeypatch.setattr("app.modalities.audio.loudest._NEARLY", 0)
    random = np.random.default_rng(0)
    for size in (101, 150, 1000):
        pcm = random.integers(-32768, 32768, size).astype(np.int16)
        energy = np.convolve(pcm.astype(object) ** 2, np.ones(100, dtype=int), "valid")
        for starts in (1, 7, 2**16):
            monkeypatch.setattr("app.modalities.audio.loudest._STARTS", starts)
            assert window(pcm, 100, 100)[1] == int(np.argmax(energy))
