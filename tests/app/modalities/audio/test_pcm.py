"""Plain samples in Matroska, MP4 and MOV are those of WAV, without the extra."""

import struct
import sys

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.audio.containers import open_sound
from app.modalities.audio.spec import AudioSpec
from tests import recordings
from tests.fakes import RATE, SAMPLES
from tests.media import sound
from tests.recordings import box, element, numbers

ENCODER = encoder_for(AudioSpec(rate=RATE, samples=SAMPLES), {})
NOISE = np.random.default_rng(0).integers(-(2**31), 2**31, (SAMPLES, 2), dtype=np.int32)
DTYPES = {"PCM_16": "i2", "PCM_24": "i4", "PCM_32": "i4", "FLOAT": "f4", "DOUBLE": "f8"}


@pytest.fixture(autouse=True)
def without_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


def samples(data: bytes) -> np.ndarray:
    return np.concatenate([block.copy() for block in open_sound(data).blocks(2**16)])


def expected(subtype: str, channels: int) -> np.ndarray:
    noise = NOISE[:, :channels]
    signal = noise / 2**31 if subtype in ("FLOAT", "DOUBLE") else noise
    return samples(sound(signal, subtype=subtype))


def stored(subtype: str, channels: int, big: bool) -> tuple[bytes, int]:
    """Return the samples as a file has them, and their bits."""
    noise, order = NOISE[:, :channels], ">" if big else "<"
    if subtype in ("FLOAT", "DOUBLE"):
        kind = DTYPES[subtype]
        return (noise / 2**31).astype(order + kind).tobytes(), 8 * int(kind[1])
    if subtype == "PCM_24":
        parts = noise.astype(order + "i4").tobytes()
        bytes_ = np.frombuffer(parts, np.uint8).reshape(-1, 4)
        return bytes_[:, slice(0, 3) if big else slice(1, 4)].tobytes(), 24
    if subtype == "PCM_16":
        return (noise >> 16).astype(order + "i2").tobytes(), 16
    return noise.astype(order + "i4").tobytes(), 32


def packets(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [">f", ">d"])
@pytest.mark.parametrize(
    ("subtype", "codec", "big"),
    [
        ("PCM_16", b"A_PCM/INT/LIT", False),
        ("PCM_24", b"A_PCM/INT/LIT", False),
        ("PCM_32", b"A_PCM/INT/BIG", True),
        ("FLOAT", b"A_PCM/FLOAT/IEEE", False),
        ("DOUBLE", b"A_PCM/FLOAT/IEEE", False),
    ],
)
def test_samples_in_matroska(
    subtype: str, codec: bytes, big: bool, rate: str, channels: int
) -> None:
    data, bits = stored(subtype, channels, big)
    described = element(0xB5, struct.pack(rate, RATE)) + element(0x9F, bytes([channels]))
    audio = element(0xE1, described + element(0x6264, bytes([bits])))
    track = recordings.track(1, 2, codec, more=audio)
    pieces = packets(data, 12 * 8 * channels)
    for live in (True, False):
        film = recordings.webm(b"", pieces, tracks=track, live=live)
        assert np.array_equal(samples(film), expected(subtype, channels))
        assert open_sound(film).rate == RATE


def entry(kind: bytes, channels: int, bits: int, more: bytes = b"", version: int = 0) -> bytes:
    """Return the description of samples in MOV. version: 0, or 2 with the flags in `more`."""
    fixed = b"\0" * 6 + b"\0\1" + struct.pack(">HHI", version, 0, 0)
    fixed += struct.pack(">HHHHI", channels, bits, 0, 0, RATE << 16)
    if version == 2:
        (flags,) = struct.unpack(">I", more)
        more = struct.pack(">IdIIIIII", 72, RATE, channels, 0x7F000000, bits, flags, 0, 0)
    return numbers(0, 1) + box(kind, fixed, more)


def mov(description: bytes, data: bytes, frame: int, mark: bool = True) -> bytes:
    """Return a MOV file of two chunks, whose table says that each sample is a packet."""
    half = len(data) // frame // 2
    start = box(b"ftyp", b"qt  ", numbers(0)) if mark else b""

    def moov(place: int) -> bytes:
        tables = box(b"stsz", numbers(0, 1, len(data) // frame))
        tables += box(b"stsc", numbers(0, 2, 1, half, 1, 2, len(data) // frame - half, 1))
        tables += box(b"stco", numbers(0, 2, place, place + half * frame))
        return box(b"moov", recordings.described(description, tables))

    return start + moov(len(start) + len(moov(0)) + 8) + box(b"mdat", data)


LITTLE = box(b"wave", box(b"enda", b"\0\1"))
MOV = {
    "sowt": ("PCM_16", False, entry(b"sowt", 2, 16)),
    "twos": ("PCM_16", True, entry(b"twos", 2, 16)),
    "in24": ("PCM_24", True, entry(b"in24", 2, 16)),
    "in24, the lowest byte first": ("PCM_24", False, entry(b"in24", 2, 16, LITTLE)),
    "in32": ("PCM_32", True, entry(b"in32", 2, 16)),
    "fl32": ("FLOAT", True, entry(b"fl32", 2, 16)),
    "fl64": ("DOUBLE", True, entry(b"fl64", 2, 16)),
    "lpcm": ("PCM_24", True, entry(b"lpcm", 2, 24, numbers(4 | 2), version=2)),
    "lpcm, floats": ("FLOAT", False, entry(b"lpcm", 2, 32, numbers(1), version=2)),
    "ipcm": ("PCM_24", True, entry(b"ipcm", 2, 24, box(b"pcmC", b"\0\0\0\0\0\x18"))),
    "ipcm, the lowest byte first": (
        "PCM_16",
        False,
        entry(b"ipcm", 2, 16, box(b"pcmC", b"\0\0\0\0\1\x10")),
    ),
    "fpcm": ("FLOAT", True, entry(b"fpcm", 2, 32, box(b"pcmC", b"\0\0\0\0\0\x20"))),
}


@pytest.mark.parametrize("mark", [True, False], ids=["ftyp", "no ftyp"])
@pytest.mark.parametrize("name", MOV)
def test_samples_in_mov(name: str, mark: bool) -> None:
    subtype, big, description = MOV[name]
    data, bits = stored(subtype, 2, big)
    film = mov(description, data, bits // 4, mark)
    assert np.array_equal(samples(film), expected(subtype, 2))
    assert ENCODER.encode(Payload(film, "video/quicktime")).arrays["pcm"].size == SAMPLES


def test_companded_samples_in_mov() -> None:
    mono = NOISE[:, :1]
    for kind, subtype in ((b"ulaw", "ULAW"), (b"alaw", "ALAW")):
        wav = sound(mono, subtype=subtype)
        data = wav[wav.index(b"data") + 8 :][: len(mono)]
        assert np.array_equal(samples(mov(entry(kind, 1, 16), data, 1)), samples(wav))


def test_what_is_left_out_of_a_film_of_plain_samples_is_said() -> None:
    audio = element(0xE1, element(0xB5, struct.pack(">f", RATE)) + element(0x6264, b"\x10"))
    tracks = recordings.track(1, 2, b"A_PCM/INT/LIT", more=audio) + recordings.track(2, 1, b"V_VP8")
    film = recordings.webm(b"", [bytes(2 * SAMPLES)], tracks=tracks)
    said = ENCODER.encode(Payload(film, "video/x-matroska")).truncated
    assert said == "its pictures were left out"


def test_plain_samples_that_contradict_themselves_are_refused() -> None:
    data = bytes(4000)
    for bits, channels in ((12, 1), (40, 1), (16, 0), (0, 1)):
        with pytest.raises(InvalidInput, match=r"expected plain samples .*; convert it"):
            samples(mov(entry(b"sowt", channels, bits), data, 2))
    again = mov(entry(b"sowt", 1, 16), data, 2)
    place = again.index(b"stsc") + 8
    many = again[:place] + numbers(1, 1, 2**31, 1) + again[place + 16 :]
    with pytest.raises(InvalidInput, match=r"overlap.*; save it anew"):
        samples(many)


def test_damaged_films_give_a_sound_or_a_refusal() -> None:
    chance = np.random.default_rng(0)
    whole = mov(entry(b"sowt", 2, 16), stored("PCM_16", 2, False)[0], 4)
    for _ in range(200):
        data = bytearray(whole)
        for place in chance.integers(0, 500, 3):
            data[place] = chance.integers(256)
        try:
            assert ENCODER.encode(Payload(bytes(data), "x/x")).arrays["pcm"].size == SAMPLES
        except InvalidInput:
            continue
