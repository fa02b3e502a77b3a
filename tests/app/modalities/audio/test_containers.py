"""The sound does not depend on the file that it is in, nor on what else stands in it."""

import io
import struct

import numpy as np
import pytest
import soundfile

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.audio.containers import open_sound
from app.modalities.audio.spec import AudioSpec
from tests import media
from tests.fakes import RATE, SAMPLES
from tests.media import sound, tone, wav

ENCODER = encoder_for(AudioSpec(rate=RATE, samples=SAMPLES), {})
NOISE = np.random.default_rng(0).integers(-(2**31), 2**31, (SAMPLES // 2, 2), dtype=np.int32)
LOSSLESS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")
TONE = tone(440)
MP3 = sound(TONE, kind="MP3", subtype="MPEG_LAYER_III")


def samples(data: bytes) -> np.ndarray:
    return np.concatenate([block.copy() for block in open_sound(data).blocks(2**16)])


def encode(data: bytes) -> np.ndarray:
    return ENCODER.encode(Payload(data, "audio/x")).arrays["pcm"]


@pytest.mark.parametrize(
    "subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_containers_hold_the_same_sound(subtype: str, channels: int) -> None:
    noise = NOISE[:, :channels] / 2**31 if subtype in ("FLOAT", "DOUBLE") else NOISE[:, :channels]
    expected = samples(sound(noise, kind="WAV", subtype=subtype))
    for kind in LOSSLESS:
        if subtype in soundfile.available_subtypes(kind):
            made = sound(noise, kind=kind, subtype=subtype)
            assert np.array_equal(samples(made), expected), kind


def test_bytes_of_eight_bits_are_the_same_sound() -> None:
    expected = samples(sound(NOISE, subtype="PCM_U8"))
    for kind in ("AIFF", "AU", "CAF", "FLAC"):
        assert np.array_equal(samples(sound(NOISE, kind=kind, subtype="PCM_S8")), expected), kind


@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
@pytest.mark.parametrize("kind", ["AU", "CAF", "WAV", "AIFF"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32"])
def test_the_order_of_bytes_makes_no_difference(subtype: str, kind: str, order: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, NOISE, RATE, subtype, order, kind)
    assert np.array_equal(samples(file.getvalue()), samples(sound(NOISE, subtype=subtype)))


def test_apple_lossless_in_caf_is_read() -> None:
    made = sound(NOISE[:, :1], kind="CAF", subtype="ALAC_16")
    assert np.array_equal(samples(made), samples(sound(NOISE[:, :1], subtype="PCM_16")))


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
@pytest.mark.parametrize("kind", ["WAV", "W64"])
def test_codecs_within_wav_are_what_libsndfile_reads(kind: str, subtype: str) -> None:
    data = sound(TONE, kind=kind, subtype=subtype)
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    made = samples(data)
    assert np.array_equal(made[: len(expected)], expected)
    assert not len(expected) or len(made) - len(expected) < 600  # the rest of the last block


def id3(size: int, version: int = 3, footer: bool = False) -> bytes:
    head = bytes((version, 0, 0x10 if footer else 0, 0, 0, size >> 7, size & 127))
    return b"ID3" + head + b"\1" * size + (b"3DI" + head if footer else b"")


APE = b"APETAGEX" + struct.pack("<IIII", 2000, 20, 1, 0xA0000000) + b"\0" * 8 + b"\2" * 20
GARBAGE = np.random.default_rng(3).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
BEFORE = {
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "a tag": id3(3000),
    "a tag and zeros": id3(300) + b"\0" * 2000,
    "a tag with a footer": id3(300, 4, True),
    "two tags": id3(30, 4, True) + id3(50),
    "a tag of APE": APE,
    "a tag of each kind": id3(30) + APE + b"\0" * 9,
    "a part of something": GARBAGE,
    "text": b"HTTP/1.1 200 OK\r\n\r\n" * 100,
}


@pytest.mark.parametrize("before", BEFORE)
def test_mp3_is_found_behind_what_players_skip(before: str) -> None:
    assert np.array_equal(encode(BEFORE[before] + MP3), encode(MP3))


@pytest.mark.parametrize("after", [b"TAG" + b"\0" * 125, APE, b"\0" * 3000, b"LYRICSBEGIN"])
def test_what_follows_an_mp3_makes_no_difference(after: bytes) -> None:
    assert np.array_equal(encode(MP3 + after)[:3000], encode(MP3)[:3000])


@pytest.mark.parametrize("name", ["._", ".AppleDouble"])
@pytest.mark.parametrize("kind", ["MP3", "FLAC", "OGG"])
def test_no_file_of_the_working_directory_matters(
    name: str, kind: str, tmp_path, monkeypatch
) -> None:
    """libsndfile looks there for the other half of what may be an SD2 sound."""
    data = sound(TONE, kind=kind)
    expected = encode(data)
    monkeypatch.chdir(tmp_path)
    if name == "._":
        (tmp_path / name).touch()
    else:
        (tmp_path / name).mkdir()
    assert np.array_equal(encode(data), expected)
    assert np.array_equal(encode(id3(300) + data), expected)


@pytest.mark.parametrize("size", [65_534, 65_535, 65_536])
def test_64_kib_before_an_mp3_are_skipped(size: int) -> None:
    assert np.array_equal(encode(b"x" * size + MP3), encode(MP3))


HIGHER = sound(tone(880, 0.25), kind="MP3", subtype="MPEG_LAYER_III")


@pytest.mark.parametrize(
    "between", [b"", id3(300), b"TAG" + b"\0" * 125, b"\0" * 3000], ids=["", "ID3", "ID3v1", "0"]
)
@pytest.mark.parametrize("second", [HIGHER, MP3], ids=["shorter", "again"])
def test_mp3_sounds_in_a_row_are_heard_in_a_row(second: bytes, between: bytes) -> None:
    both = MP3 + between + second
    assert np.array_equal(samples(both), np.concatenate([samples(MP3), samples(second)]))
    assert open_sound(both).left_out == "2 sounds in a row were heard as one"
    assert open_sound(both + second).left_out == "3 sounds in a row were heard as one"
    assert open_sound(MP3).left_out is None
    assert ENCODER.encode(Payload(both, "audio/mpeg")).truncated.startswith("2 sounds in a row")


def test_a_sound_of_unsaid_length_behind_another_is_heard() -> None:
    frames = sound(tone(880, 20.0), kind="MP3", subtype="MPEG_LAYER_III")
    for name in (b"Xing", b"Info"):
        frames = frames.replace(name, bytes(4))
    both = MP3 + frames
    assert np.array_equal(samples(both), np.concatenate([samples(MP3), samples(frames)]))
    assert open_sound(both).left_out == "2 sounds in a row were heard as one"


def unsaid(data: bytes) -> bytes:
    """Return the frames of an MP3 without the first, which says how many there are."""
    return data[data.index(data[:2], 4) :]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_frames_of_several_bit_rates_are_all_heard(rate: int, channels: int) -> None:
    """Where none says how many there are, decoders guess by the bit rate of the first."""
    quiet, loud = np.zeros(2 * rate), np.random.default_rng(0).uniform(-1, 1, 2 * rate)
    signal = np.stack([np.concatenate([quiet, loud, quiet])] * channels, axis=1)
    data = sound(signal, rate, "MP3", "MPEG_LAYER_III")
    frames = unsaid(data)
    assert b"Xing" not in frames and b"Info" not in frames
    assert abs(len(samples(frames)) - len(signal)) < 4 * 1152


def test_sounds_of_other_forms_are_left_out_and_said() -> None:
    for other in (sound(tone(440, rate=16_000), 16_000, "MP3"), sound(NOISE / 2**31, kind="MP3")):
        assert np.array_equal(samples(MP3 + other), samples(MP3))
        assert open_sound(MP3 + other).left_out == "the first of 2 sounds in a row was heard"


def test_words_that_look_like_a_header_are_no_sound() -> None:
    inside = bytearray(MP3)
    inside[len(MP3) // 2 : len(MP3) // 2 + 4] = b"Info"
    assert open_sound(bytes(inside)).left_out is None
    assert open_sound(MP3 + b"TAGXing" + b"Info" * 2_000_000).left_out is None


def test_mp3_is_not_searched_for_without_end() -> None:
    with pytest.raises(InvalidInput, match="something else; send one of these"):
        encode(b"x" * 65_537 + MP3)
    with pytest.raises(InvalidInput, match="something else"):
        encode(GARBAGE)


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (b"ID3\4\0\0\0\0\0\0" * 500_000, "at most 100 tags"),
        (b"\0" * 5_000_000, "0 bytes behind"),
        (b"\xff\xfb" * 2_500_000, "damaged"),
        (b"\xff\xfb\x90\0" * 1_000_000, "damaged"),
    ],
    ids=["tags", "zeros", "marks", "frames"],
)
def test_hostile_bytes_are_searched_in_linear_time(hostile: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        encode(hostile)


@pytest.mark.parametrize("place", [b"fmt ", b"data"])
def test_metadata_makes_no_difference(place: bytes) -> None:
    plain = sound(NOISE, subtype="PCM_16")
    at = plain.index(place)
    for more in (b"LIST\4\0\0\0INFO", b"bext\x02\0\0\0ab", b"id3 \3\0\0\0abc\0", b"JUNK\0\0\0\0"):
        assert np.array_equal(samples(plain[:at] + more + plain[at:]), samples(plain))
    aiff = sound(NOISE, kind="AIFF", subtype="PCM_16")
    at = aiff.index(b"SSND")
    assert np.array_equal(samples(aiff[:at] + b"NAME\0\0\0\3abc\0" + aiff[at:]), samples(plain))


def test_left_out_channels_are_said() -> None:
    stereo = np.stack([TONE, TONE / 2], axis=1)
    assert ENCODER.encode(Payload(sound(TONE), "audio/x")).truncated is None
    said = ENCODER.encode(Payload(sound(stereo), "audio/x")).truncated
    assert said == "its 2 channels were averaged"
    said = ENCODER.encode(Payload(sound(stereo * [0.5, -1]), "audio/x")).truncated
    assert said == "of its 2 channels, which cancel each other, channel 1 was heard"
    said = ENCODER.encode(Payload(sound(np.tile(stereo, (2, 1))), "audio/x")).truncated
    assert said == (
        "its 2 channels were averaged; the sound lasts 1.00 s; its loudest 0.50 s were heard"
    )


REFUSED = {
    "AIFF-C of a codec": (
        sound(TONE, kind="AIFF", subtype="PCM_16").replace(b"AIFF", b"AIFC"),
        "the codec",
    ),
    "AU of a codec": (b".snd" + struct.pack(">5I", 24, 0, 23, 8000, 1) + b"\0" * 90, "encoding 23"),
    "CAF without samples": (b"caff\0\1\0\0" + b"desc" + b"\0" * 8, "CAF file without"),
    "an IFF picture": (b"FORM\0\0\0\x20ILBMBMHD" + b"\0" * 40, "IFF file of another kind"),
    "12 bits of ADPCM": (wav(kind=2, extra=b"\0" * 34), "coefficients of its own"),
    "WMA": (b"\x30\x26\xb2\x75\x8e\x66" + b"\0" * 40, r"Windows Media \(WMA\); convert it"),
    "a picture": (media.picture(), "got a PNG image; send it to a model of pictures"),
    "a picture in RIFF": (media.picture(encode=("WEBP",)), "got a WebP image; send it"),
    "a picture in boxes": (media.picture((64, 64), encode=("AVIF",)), "got an AVIF image; send"),
    "a HEIC picture": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "got a HEIC image; send"),
    "text": (
        b"some text",
        "expected a WAV, FLAC, Ogg, MP3, AIFF, AU.* CAF.* got something else; send",
    ),
    "tags without a sound": (id3(300) + b"\0" * 70, "behind tags or zeros"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(name: str) -> None:
    data, message = REFUSED[name]
    with pytest.raises(InvalidInput, match=message):
        encode(data)
