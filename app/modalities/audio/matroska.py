"""WebM and Matroska files → the packets of their first sound.

Browsers record WebM, and write it as a stream: its segment and clusters have no size, and nothing
says how long it is. FFmpeg's own reader is not used: this one makes nothing of what a hostile file
declares, and gives only parts of the file. RFC 9559.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.errors import InvalidInput
from app.modalities.audio.packets import MOST_PACKETS, CodecPackets, others_left_out, too_many
from app.modalities.audio.pcm import in_matroska

MARK = b"\x1aE\xdf\xa3"
_KIND = "WebM or Matroska"
_SEGMENT, _CLUSTER, _GROUP, _TRACKS = 0x18538067, 0x1F43B675, 0xA0, 0x1654AE6B
_ENTERED = {_SEGMENT, _CLUSTER, _GROUP, _TRACKS}
_TRACK, _SIMPLE_BLOCK, _BLOCK = 0xAE, 0xA3, 0xA1
_NUMBER, _TYPE, _CODEC, _PRIVATE, _ENCODINGS = 0xD7, 0x83, 0x86, 0x63A2, 0x6D80
_VIDEO, _AUDIO, _SOUND = 1, 2, 0xE1
_CODECS = {
    b"A_OPUS": "opus",
    b"A_VORBIS": "vorbis",
    b"A_AAC": "aac",
    b"A_FLAC": "flac",
    b"A_MPEG/L3": "mp3float",
}
_XIPH, _FIXED, _EBML = 1, 2, 3
_MOST_ELEMENTS = 2 * MOST_PACKETS


@dataclass(slots=True)
class _Tracks:
    sounds: list[dict[int, bytes]] = field(default_factory=list)
    has_pictures: bool = False


def read_matroska(data: bytes) -> CodecPackets:
    """Return the packets; raise `InvalidInput` for what is not read."""
    tracks, places, wanted = _Tracks(), list[tuple[int, int]](), -1
    for name, start, end in _elements(data, 0, len(data), _ENTERED):
        if name == _TRACK:
            _add(tracks, {n: data[s:e] for n, s, e in _elements(data, start, end, frozenset())})
            wanted = _number(tracks.sounds[0].get(_NUMBER)) if tracks.sounds else -1
        elif name in (_SIMPLE_BLOCK, _BLOCK):
            number, place = _vint(data, start, end)
            if number == wanted and place + 3 <= end:
                places += _frames(data, place + 2, end)
                if len(places) > MOST_PACKETS:
                    raise too_many(_KIND)
    if not tracks.sounds:
        raise InvalidInput(
            f"expected a sound, got a {_KIND} file without one; record it with sound"
        )
    return _packets(tracks, places)


def _packets(tracks: _Tracks, places: list[tuple[int, int]]) -> CodecPackets:
    """Return the packets of the first sound."""
    track = tracks.sounds[0]
    codec = track.get(_CODEC, b"").rstrip(b"\0")
    if _ENCODINGS in track:
        raise InvalidInput(
            f"the sound in the {_KIND} file is compressed once more or encrypted; convert it to WAV"
        )
    left_out = others_left_out(len(tracks.sounds), tracks.has_pictures)
    described = track.get(_SOUND, b"")
    audio = {n: described[s:e] for n, s, e in _elements(described, 0, len(described), frozenset())}
    layout = in_matroska(codec, audio)
    if layout is not None:
        return CodecPackets("", b"", places, 0, left_out, layout)
    if codec not in _CODECS and not codec.startswith(b"A_AAC/"):
        found = codec.decode("latin-1") if codec.isascii() else codec.hex()
        raise InvalidInput(
            f"expected Opus, Vorbis, AAC, FLAC, MP3 or PCM in the {_KIND} file, got {found[:40]}; "
            "convert it to WAV, FLAC or MP3"
        )
    setup, skipped = track.get(_PRIVATE, b""), 0
    if codec == b"A_OPUS" and len(setup) >= 12:
        skipped = int.from_bytes(setup[10:12], "little")
    return CodecPackets(
        _CODECS.get(codec, "aac"),
        *(setup, places, skipped),
        left_out,
    )


def _add(tracks: _Tracks, track: dict[int, bytes]) -> None:
    kind = _number(track.get(_TYPE))
    if kind == _AUDIO:
        tracks.sounds.append(track)
    tracks.has_pictures = tracks.has_pictures or kind == _VIDEO


def _number(value: bytes | None) -> int:
    return int.from_bytes(value[:8], "big") if value is not None else -1


def _elements(
    data: bytes, place: int, end: int, entered: "set[int] | frozenset[int]"
) -> Iterator[tuple[int, int, int]]:
    """Yield name, start and end of each element; those of `entered` are followed by their parts."""
    count = 0
    while place < end:
        length = 9 - data[place].bit_length()  # the first bit that is set says how long the name is
        if length > 4 or place + length > end:
            return
        name = int.from_bytes(data[place : place + length], "big")
        start = place + length
        size, content = _vint(data, start, end)
        if size < 0:
            return
        unknown = size == (1 << 7 * (content - start)) - 1
        stop = end if unknown else min(content + size, end)
        yield name, content, stop
        place = content if name in entered else stop
        count += 1
        if count > _MOST_ELEMENTS:
            raise too_many(_KIND)


def _vint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """Return a number of variable length, and the place behind it; -1 where there is none."""
    if place >= end or data[place] == 0:
        return -1, place
    length = 9 - data[place].bit_length()
    if place + length > end:
        return -1, place
    value = int.from_bytes(data[place : place + length], "big")
    return value & (1 << 7 * length) - 1, place + length


def _frames(data: bytes, place: int, end: int) -> list[tuple[int, int]]:
    """Return the packets of a block. place: of its flags."""
    lacing = data[place] >> 1 & 3
    place += 1
    if lacing == 0:
        return [(place, end - place)]
    if place >= end:
        return []
    count, place = data[place] + 1, place + 1
    if lacing == _FIXED:
        size = (end - place) // count
        return [(place + i * size, size) for i in range(count)]
    sizes, place = (
        _xiph(data, place, end, count) if lacing == _XIPH else _ebml(data, place, end, count)
    )
    sizes.append(end - place - sum(sizes))
    found = []
    for size in sizes:
        if size < 0 or place + size > end:
            break
        found.append((place, size))
        place += size
    return found


def _xiph(data: bytes, place: int, end: int, count: int) -> tuple[list[int], int]:
    sizes = []
    for _ in range(count - 1):
        size = 0
        while place < end:
            byte, place = data[place], place + 1
            size += byte
            if byte < 255:
                break
        sizes.append(size)
    return sizes, place


def _ebml(data: bytes, place: int, end: int, count: int) -> tuple[list[int], int]:
    sizes = list[int]()
    for number in range(count - 1):
        value, behind = _vint(data, place, end)
        if value < 0:
            return sizes, end
        half = (1 << 7 * (behind - place) - 1) - 1  # differences are shifted to be positive
        sizes.append(value if number == 0 else sizes[-1] + value - half)
        place = behind
    return sizes, place
