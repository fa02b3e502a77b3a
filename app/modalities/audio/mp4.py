"""MP4, M4A, MOV and 3GP files → the packets of their first sound; ADTS, which is AAC alone.

Whole files and those in fragments, as browsers and phones record them. FFmpeg's own reader is not
used: this one makes nothing of what a hostile file declares, and gives only parts of the file.
ISO/IEC 14496-12, -14.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.errors import InvalidInput
from app.modalities.audio.packets import MOST_PACKETS, CodecPackets, others_left_out, too_many
from app.modalities.audio.pcm import in_mp4

_KIND = "MP4 or M4A"
_MOST_BOXES = MOST_PACKETS
_ENTERED = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf"}
_NO_SETUP = {b"samr": "amrnb", b"sawb": "amrwb", b".mp3": "mp3float"}
_AAC, _MP3 = (0x40, 0x66, 0x67, 0x68), (0x69, 0x6B)  # of an elementary stream
_EXPECTED = f"expected AAC, Apple Lossless, Opus, FLAC, MP3, AMR or PCM in the {_KIND} file"


@dataclass(slots=True)
class _Track:
    number: int = -1
    kind: bytes = b""
    rate: int = 0  # ticks a second
    boxes: dict[bytes, bytes] = field(default_factory=dict)
    skipped: int = 0


@dataclass(slots=True)
class _Film:
    """What was read until now."""

    tracks: list[_Track] = field(default_factory=list)
    default_sizes: dict[int, int] = field(default_factory=dict)
    places: list[tuple[int, int]] = field(default_factory=list)
    moof: int = 0
    # of the part of a fragment that is read: track, where its data begin, size of a sample
    part: tuple[int, int, int] = (-1, 0, 0)
    place: int = 0  # behind the packets of the part so far


def read_mp4(data: bytes) -> CodecPackets:
    """Return the packets; raise `InvalidInput` for what is not read."""
    film = _Film()
    for name, start, end in _boxes(data, 0, len(data)):
        _take(film, name, data, start, end)
    sounds = [track for track in film.tracks if track.kind == b"soun"]
    if not sounds:
        raise InvalidInput(
            f"expected a sound, got an {_KIND} file without one; record it with sound"
        )
    track = sounds[0]
    stsd = track.boxes.get(b"stsd", b"")
    inside = _inside(stsd)
    layout = in_mp4(stsd, inside)
    codec, setup, skipped = _codec(stsd, inside) if layout is None else ("", b"", 0)
    frame = 0 if layout is None else layout.width * layout.channels
    places = _table(track.boxes, frame)
    number = track.number
    for name, start, end in _boxes(data, 0, len(data)) if b"moof" in data else ():
        _take_fragment(film, number, name, data, start, end)
    places += film.places
    if len(places) > MOST_PACKETS:
        raise too_many(_KIND)
    pictures = any(track.kind == b"vide" for track in film.tracks)
    left_out = others_left_out(len(sounds), pictures)
    return CodecPackets(codec, setup, places, skipped or track.skipped, left_out, layout)


def read_adts(data: bytes) -> CodecPackets:
    """Return the frames of AAC that is in no container."""
    places, place = list[tuple[int, int]](), 0
    while is_adts(data, place) and place + 7 <= len(data):
        size = (int.from_bytes(data[place + 3 : place + 6], "big") >> 5) & 0x1FFF
        if size < 7:
            break
        places.append((place, min(size, len(data) - place)))
        if len(places) > MOST_PACKETS:
            raise too_many("AAC")
        place += size
    return CodecPackets("aac", b"", places)


def is_mp4(data: bytes) -> bool:
    """Return whether a file is of this kind; MOV files need not say so."""
    name = data[4:8]
    return name == b"ftyp" or (name in (b"moov", b"mdat", b"wide") and b"moov" in data)


def is_adts(data: bytes, place: int = 0) -> bool:
    """Return whether a frame of ADTS begins there."""
    return len(data) > place + 1 and data[place] == 0xFF and data[place + 1] & 0xF6 == 0xF0


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each box; those of `_ENTERED` are followed by their parts."""
    count = 0
    while place + 8 <= end:
        size, name, start = _u32(data, place), data[place + 4 : place + 8], place + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), place + 16
        stop = end if size == 0 else min(place + size, end)
        if stop < start:
            return
        yield name, start, stop
        place = start if name in _ENTERED else stop
        count += 1
        if count > _MOST_BOXES:
            raise too_many(_KIND)


def _u32(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big")


def _take(film: _Film, name: bytes, data: bytes, start: int, end: int) -> None:
    """Note what a box of the file's header says."""
    if name == b"trak":
        film.tracks.append(_Track())
    elif name == b"trex":
        film.default_sizes[_u32(data, start + 4)] = _u32(data, start + 16)
    if not film.tracks:
        return
    track = film.tracks[-1]
    later = data[start : start + 1] == b"\1"  # longer times
    if name == b"tkhd":
        track.number = _u32(data, start + (20 if later else 12))
    elif name == b"hdlr" and not track.kind:
        track.kind = data[start + 8 : start + 12]
    elif name == b"elst" and not track.skipped:
        width = 8 if later else 4
        first = data[start + 8 + width : start + 8 + 2 * width]
        track.skipped = max(int.from_bytes(first, "big", signed=True), 0)
    elif name in (b"stsd", b"stsz", b"stsc", b"stco", b"co64"):
        track.boxes.setdefault(name, data[start:end])


def _table(boxes: dict[bytes, bytes], frame: int = 0) -> list[tuple[int, int]]:
    """Return the packets that the tables of a track list.

    frame: bytes of a plain sample of all channels, of which a whole chunk is one packet.
    """
    sizes, runs = boxes.get(b"stsz", b""), boxes.get(b"stsc", b"")
    width, offsets = (8, boxes[b"co64"]) if b"co64" in boxes else (4, boxes.get(b"stco", b""))
    same, count = _u32(sizes, 4), _u32(sizes, 8)
    if (count > MOST_PACKETS and not frame) or len(offsets) > 8 + 8 * MOST_PACKETS:
        raise too_many(_KIND)
    places, run, per_chunk = list[tuple[int, int]](), 0, 0
    for chunk in range(1, (len(offsets) - 8) // width + 1):
        while 8 + 12 * run + 12 <= len(runs) and _u32(runs, 8 + 12 * run) <= chunk:
            per_chunk = _u32(runs, 12 + 12 * run)
            run += 1
        at = 8 + width * (chunk - 1)
        place = int.from_bytes(offsets[at : at + width], "big")
        if frame:
            places.append((place, per_chunk * frame))
            continue
        for _ in range(min(per_chunk, count - len(places))):
            size = same or _u32(sizes, 12 + 4 * len(places))
            places.append((place, size))
            place += size
    return places


def _take_fragment(
    film: _Film, number: int, name: bytes, data: bytes, start: int, end: int
) -> None:
    """Add the packets that a box of a fragment lists for the track of that number."""
    if name == b"moof":
        film.moof = start - 8
    elif name == b"tfhd":
        flags, at = _u32(data, start) & 0xFFFFFF, start + 8
        base = film.moof
        if flags & 1:
            base, at = int.from_bytes(data[at : at + 8], "big"), at + 8
        at += 4 * bool(flags & 2) + 4 * bool(flags & 8)
        track = _u32(data, start + 4)
        size = _u32(data, at) if flags & 0x10 else film.default_sizes.get(track, 0)
        film.part, film.place = (track, base, size), base
    elif name == b"trun" and film.part[0] == number:
        flags, count, at = _u32(data, start) & 0xFFFFFF, _u32(data, start + 4), start + 8
        if flags & 1:
            film.place = film.part[1] + int.from_bytes(data[at : at + 4], "big", signed=True)
        at += 4 * bool(flags & 1) + 4 * bool(flags & 4)
        before = 4 * bool(flags & 0x100)
        step = before + 4 * bool(flags & 0x200) + 4 * bool(flags & 0x400) + 4 * bool(flags & 0x800)
        if len(film.places) + count > MOST_PACKETS:
            raise too_many(_KIND)
        for i in range(count):
            place = at + i * step + before
            size = _u32(data, place) if flags & 0x200 and place + 4 <= end else film.part[2]
            film.places.append((film.place, size))
            film.place += size


def _inside(stsd: bytes) -> dict[bytes, bytes]:
    """Return the boxes of the first description of samples."""
    longer = {1: 16, 2: 36}.get(int.from_bytes(stsd[24:26], "big"), 0)  # of QuickTime
    return dict(_within(stsd, 44 + longer, 2))


def _codec(stsd: bytes, inside: dict[bytes, bytes]) -> tuple[str, bytes, int]:
    """Return FFmpeg's name of a codec, its header, and the samples before its sound."""
    kind = stsd[12:16]
    if kind in _NO_SETUP:
        return _NO_SETUP[kind], b"", 0
    if kind == b"mp4a":
        return _elementary(inside.get(b"esds", b""))
    if kind == b"alac" and b"alac" in inside:
        cookie = inside[b"alac"]
        return "alac", (8 + len(cookie)).to_bytes(4, "big") + b"alac" + cookie, 0
    if kind == b"Opus" and len(inside.get(b"dOps", b"")) >= 11:
        return _opus(inside[b"dOps"])
    if kind == b"fLaC" and b"dfLa" in inside:
        return "flac", inside[b"dfLa"][8:42], 0
    name = kind.decode("latin-1") if kind.isascii() and kind.decode().isprintable() else kind.hex()
    raise InvalidInput(f"{_EXPECTED}, got {name or 'none'}; convert it to WAV, FLAC or MP3")


def _opus(box: bytes) -> tuple[str, bytes, int]:
    """Return the header that Opus has in Ogg, whose numbers begin with their lowest byte."""
    skipped = int.from_bytes(box[2:4], "big")
    head = b"OpusHead\1" + box[1:2] + skipped.to_bytes(2, "little")
    head += box[4:8][::-1] + box[8:10][::-1] + box[10:]
    return "opus", head, skipped


def _within(data: bytes, place: int, depth: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of a sample description; QuickTime has them in one more, `wave`."""
    for name, start, end in _boxes(data, place, len(data)):
        if name == b"wave" and depth:
            yield from _within(data[start:end], 0, depth - 1)
        else:
            yield name, data[start:end]


def _elementary(esds: bytes) -> tuple[str, bytes, int]:
    """Return codec and header from the descriptors of an elementary stream."""
    place, codec, setup = 4, "", b""
    while place + 2 <= len(esds):
        tag, size, place = esds[place], 0, place + 1
        for _ in range(4):
            byte, place = esds[place : place + 1], place + 1
            size = size << 7 | (byte[0] & 0x7F if byte else 0)
            if not byte or not byte[0] & 0x80:
                break
        if tag == 3:  # the stream: enter it
            flags = esds[place + 2 : place + 3]
            place += 3 + 2 * bool(flags and flags[0] & 0x80)
        elif tag == 4:  # the configuration: enter it
            kind = esds[place] if place < len(esds) else 0
            codec = "aac" if kind in _AAC else "mp3float" if kind in _MP3 else ""
            place += 13
        else:
            setup = esds[place : place + size] if tag == 5 else setup
            place += size
    if not codec:
        raise InvalidInput(f"{_EXPECTED}, got another; convert it to WAV, FLAC or MP3")
    return codec, setup, 0
