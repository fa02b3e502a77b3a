"""The packets that are found in WebM and MP4, and what PyAV makes of them, if it is installed."""

import io
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.audio.matroska import read_matroska
from app.modalities.audio.mp4 import read_adts, read_mp4
from app.modalities.audio.spec import AudioSpec
from tests import recordings
from tests.fakes import RATE, SAMPLES
from tests.media import sound, tone

OGG = sound(tone(440, 0.5, 48_000), 48_000, "OGG", "OPUS")
HEAD, PACKETS = recordings.opus_packets(OGG)
ENTRY = recordings.opus_entry(HEAD)
PICTURES = recordings.track(2, 1, b"V_VP8")
ENCODER = encoder_for(AudioSpec(rate=RATE, samples=2 * SAMPLES), {})
with_extra = pytest.mark.skipif(find_spec("av") is None, reason="the extra is not installed")
FILES = {
    "recorded WebM": recordings.webm(HEAD, PACKETS),
    "WebM": recordings.webm(HEAD, PACKETS, live=False),
    "film": recordings.webm(
        HEAD, PACKETS, tracks=PICTURES + recordings.track(1, 2, b"A_OPUS", HEAD)
    ),
    "M4A": recordings.mp4(ENTRY, PACKETS),
    "recorded MP4": recordings.fragmented(ENTRY, PACKETS),
}


def found(data: bytes) -> list[bytes]:
    read = read_matroska(data) if data.startswith(b"\x1aE") else read_mp4(data)
    return [data[start : start + size] for start, size in read.places]


@pytest.mark.parametrize("name", FILES)
def test_every_packet_is_found(name: str) -> None:
    assert found(FILES[name]) == PACKETS


@pytest.mark.parametrize("way", ["xiph", "ebml", "fixed"])
def test_packets_in_one_block_are_found(way: str) -> None:
    packets = [packet[:9] for packet in PACKETS[:6]] if way == "fixed" else PACKETS[:6]
    data = recordings.webm(HEAD, []) + recordings.element(0xA3, recordings.laced(packets, way))
    assert found(data) == packets


def test_what_is_left_out_of_a_film_is_said() -> None:
    both = recordings.track(1, 2, b"A_OPUS", HEAD) + recordings.track(3, 2, b"A_OPUS") + PICTURES
    read = read_matroska(recordings.webm(HEAD, PACKETS, tracks=both))
    assert read.left_out == "the first of its 2 sounds was heard; its pictures were left out"
    assert read_mp4(FILES["M4A"]).left_out is None


@pytest.mark.parametrize("name", FILES)
def test_without_the_extra_the_refusal_names_it(name: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InvalidInput, match=r"lacks the extra thalamus\[media\]; convert it"):
        ENCODER.encode(Payload(FILES[name], "video/webm"))


@with_extra
@pytest.mark.parametrize("name", FILES)
def test_a_recording_is_the_sound_that_libsndfile_reads(name: str) -> None:
    encoded = ENCODER.encode(Payload(FILES[name], "audio/webm"))
    expected = ENCODER.encode(Payload(OGG, "audio/ogg")).arrays["pcm"]
    assert encoded.truncated == ("its pictures were left out" if name == "film" else None)
    made = encoded.arrays["pcm"].astype(float)
    # The file's end is cut at another place, so the whole may be centred elsewhere.
    shifts = [np.abs(np.roll(made, shift) - expected)[2500:5500].max() for shift in range(-80, 81)]
    assert min(shifts) < 300


@with_extra
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_a_recording_that_is_cut_off_is_read_to_its_end(name: str, part: float) -> None:
    data = FILES[name]
    assert ENCODER.encode(Payload(data[: int(part * len(data))], "x/x")).arrays["pcm"].any()


def hostile() -> dict[str, bytes]:
    """Files that declare far more than they hold; a limit of 2,000 packets refuses them."""
    box, numbers = recordings.box, recordings.numbers
    tables = box(b"stsz", numbers(0, 1000, 2**31)) + box(b"stsc", numbers(0, 1, 1, 2**31, 1))
    tables += box(b"stco", numbers(0, 1, 0))
    start = box(b"ftyp", b"M4A ", numbers(0))
    zeros = recordings.element(0xA3, b"\x81\0\0\x04\xff")
    return {
        "packets without end": start + box(b"moov", recordings.described(ENTRY, tables)),
        "a run without end": recordings.fragmented(ENTRY, PACKETS, count=2**32 - 1),
        "empty packets": recordings.webm(HEAD, []) + zeros * 10,
        "many boxes": start + box(b"moov") * 3_000,
        "many elements": recordings.webm(HEAD, []) + recordings.element(0xEC, b"") * 5_000,
    }


@pytest.mark.parametrize("name", hostile())
def test_a_file_that_declares_too_much_is_refused(name: str, monkeypatch) -> None:
    for module in ("matroska", "mp4"):
        monkeypatch.setattr(f"app.modalities.audio.{module}.MOST_PACKETS", 2_000)
    monkeypatch.setattr("app.modalities.audio.matroska._MOST_ELEMENTS", 4_000)
    monkeypatch.setattr("app.modalities.audio.mp4._MOST_BOXES", 2_000)
    with pytest.raises(InvalidInput, match=r"packets in the .* file, got more"):
        found(hostile()[name])


@with_extra
def test_packets_that_overlap_are_refused() -> None:
    box, numbers = recordings.box, recordings.numbers
    again = box(b"stsz", numbers(0, 3000, 9)) + box(b"stsc", numbers(0, 1, 1, 1, 1))
    again += box(b"stco", numbers(0, 9, *[0] * 9))
    film = box(b"ftyp", b"M4A ", numbers(0)) + box(b"moov", recordings.described(ENTRY, again))
    with pytest.raises(InvalidInput, match="overlap"):
        ENCODER.encode(Payload(film + bytes(5000), "audio/mp4"))


@with_extra
def test_packets_that_are_no_sound_are_refused() -> None:
    for packets, message in (([b"\xff"] * 300, "damaged"), ([], "without samples")):
        with pytest.raises(InvalidInput, match=message):
            ENCODER.encode(Payload(recordings.webm(HEAD, packets), "video/webm"))


@pytest.mark.parametrize("name", FILES)
def test_damaged_recordings_give_a_sound_or_a_refusal(name: str) -> None:
    chance = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(FILES[name])
        for place in chance.integers(0, min(len(data), 700), 3):
            data[place] = chance.integers(256)
        try:
            assert ENCODER.encode(Payload(bytes(data), "x/x")).arrays["pcm"].size == 2 * SAMPLES
        except InvalidInput:
            continue


def test_frames_of_adts_are_found() -> None:
    frames = [
        b"\xff\xf1\x4c\x40" + bytes([n >> 3, (n & 7) << 5]) + b"\xfc" + bytes(n - 7)
        for n in (50, 80, 33)
    ]
    data = b"".join(frames)
    assert [data[a : a + b] for a, b in read_adts(data + b"TAG").places] == frames


def test_the_oracle_reads_its_own_file() -> None:
    assert soundfile.info(io.BytesIO(OGG)).frames == 24_000
