"""Which reader reads a file: decided by its first bytes, before a native decoder sees it.

Plain samples are read here, whatever file they are in. Only FLAC, Ogg, MP3, Apple Lossless in CAF
and WAV files that are written anew reach libsndfile. Tags are skipped first, because libsndfile
opens any format that follows one.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from app.errors import InvalidInput
from app.modalities.audio import matroska, mp4
from app.modalities.audio.aiff import read_aiff, read_au, read_caf
from app.modalities.audio.codecs import DecodedPackets, refuse_without_extra
from app.modalities.audio.layout import PlainSamples
from app.modalities.audio.library import LibraryFile, LibraryFiles
from app.modalities.audio.mpeg import (
    find_frames,
    further_sounds,
    has_one_form,
    is_frame_mark,
    skip_tags,
    with_length,
)
from app.modalities.audio.refusals import SAVE_ANEW, expected_sound, refuse_pictures
from app.modalities.audio.wav import CodecBlocks, is_wave, read_wave

_ELSEWHERE = {
    b"#!AMR": "AMR",
    b"\x30\x26\xb2\x75": "Windows Media (WMA)",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"TTA1": "True Audio",
    b"MThd": "MIDI, which holds notes and no sound",
    b"FLV\1": "Flash video",
}


class SoundSource(Protocol):
    """An open sound. rate: Hz. left_out: a sentence on what else the file holds."""

    rate: int
    channels: int
    left_out: str | None

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples from the start, float32 (frames, channels)."""
        ...


def open_sound(data: bytes) -> SoundSource:
    """Return the sound in a file; raise `InvalidInput` for what is not read."""
    if is_wave(data):  # the most frequent ones
        return _of_wave(data)
    if not data:
        raise InvalidInput(f"{expected_sound()}, got 0 bytes; send one of these")
    if not mp4.is_mp4(data):  # which begins with zeros
        place = skip_tags(data)
        data = data[place:] if place else data
        if not data:
            raise InvalidInput(f"{expected_sound()}, got 0 bytes behind tags or zeros; {SAVE_ANEW}")
    if is_wave(data):
        return _of_wave(data)
    return _plain(data) or _in_packets(data) or _encoded(data)


def _of_wave(data: bytes) -> SoundSource:
    found = read_wave(data)
    if not isinstance(found, CodecBlocks):
        return PlainSamples(data, found)
    if not found.mpeg:
        return LibraryFile(found.data)
    place = skip_tags(found.data)
    if not is_frame_mark(found.data, place):
        raise InvalidInput(
            f"{expected_sound()}, got a WAV file that declares MP3 and holds something else; "
            f"{SAVE_ANEW}"
        )
    return _of_frames(found.data[place:])


def _plain(data: bytes) -> SoundSource | None:
    """Return the sound of AIFF, AU or CAF; None for another file."""
    if data[:4] == b"FORM":
        return PlainSamples(data, read_aiff(data))
    if data[:4] in (b".snd", b"dns."):
        return PlainSamples(data, read_au(data))
    if data[:4] == b"caff":
        layout = read_caf(data)
        return LibraryFile(data) if layout is None else PlainSamples(data, layout)
    return None


def _in_packets(data: bytes) -> SoundSource | None:
    """Return the sound of what PyAV decodes; None for another file."""
    if data.startswith(matroska.MARK):
        kind, packets = "WebM or Matroska, as browsers record", matroska.read_matroska(data)
    elif mp4.is_mp4(data):
        refuse_pictures(data)
        kind, packets = "MP4, M4A or MOV", mp4.read_mp4(data)
    elif mp4.is_adts(data):
        kind, packets = "AAC", mp4.read_adts(data)
    else:
        return None
    if packets.layout is not None:
        return packets.plain_samples(data, packets.layout)
    refuse_without_extra(kind)
    return DecodedPackets(data, packets)


def _encoded(data: bytes) -> SoundSource:
    """Return the sound of FLAC, Ogg or MP3; raise `InvalidInput` for everything else."""
    if data.startswith((b"fLaC", b"OggS")):
        return LibraryFile(data)
    if is_frame_mark(data):
        return _of_frames(data)
    for mark, name in _ELSEWHERE.items():
        if data.startswith(mark):
            raise InvalidInput(f"{expected_sound()}, got {name}; convert it to WAV, FLAC or MP3")
    place = find_frames(data, 0)
    if place is None:
        refuse_pictures(data)
        raise InvalidInput(f"{expected_sound()}, got something else; send one of these")
    return _of_frames(data[place:])


def _of_frames(data: bytes) -> SoundSource:
    """Return the sound of MP3 frames."""
    starts = further_sounds(data)
    if not starts:
        return LibraryFile(with_length(data))
    return LibraryFiles(data, starts, has_one_form(data, [0, *starts]))
