"""The size of an AVIF or HEIC picture, and its names, from its file (ISO 14496-12 and 23008-12).

Every picture of such a file, and every tile of one, states its size in an `ispe` box; a track of a
sequence states it with its codec. The codec states it once more, and the decoder takes memory for
that. The largest statement counts.
"""

import re
import struct
from collections.abc import Iterator

from app.modalities.image.coded_size import (
    TOO_MANY,
    CodedSize,
    sizes_in_av1,
    sizes_in_hevc,
    sizes_in_hevc_box,
)

_BOXES = 100  # of the file, and of one of its boxes, that are read
_STATEMENTS = 1000  # of sizes, and pictures, that are read
_MOST_PARTS = 5000  # of pictures
_SIZE = re.compile(rb"ispe")
_TRACK = re.compile(rb"av01|hvc1|hev1")
_HEVC = re.compile(rb"hvcC")
_ITEM = re.compile(rb"infe")
_CHUNKS = re.compile(rb"stco|co64")
_ISPE, _ENTRY = struct.Struct(">II"), struct.Struct(">HH")


def boxed_size(data: bytes, is_av1: bool) -> CodedSize | None:
    """Return width and height of the largest picture; None if none is stated.

    Raises `struct.error` or `IndexError` where a table is cut.
    """
    sizes: list[CodedSize] = []
    for name, start, end in _boxes(data, 0, len(data)):
        if name == b"meta":
            sizes += _stated(data, start, end, _SIZE, _ISPE)
            pictures = _pictures(data, start, end)
        elif name == b"moov":
            sizes += _stated(data, start, end, _TRACK, _ENTRY)
            pictures = _samples(data, start, end)
        else:
            continue
        if not sizes:
            continue
        for picture in pictures:
            sizes += sizes_in_av1(picture) if is_av1 else sizes_in_hevc(picture)
        for found in [] if is_av1 else _HEVC.finditer(data, start, end):
            sizes += sizes_in_hevc_box(data[found.end() : found.end() + _length(data, found)])
            if len(sizes) > _STATEMENTS:
                return TOO_MANY
    if not sizes:
        return None
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def has_text_names(data: bytes) -> bool:
    """Say whether the types and names of all items are UTF-8; pi-heif crashes on others."""
    left = 2 * len(data)  # names may be stated to reach over each other
    for name, start, end in _boxes(data, 0, len(data)):
        for found in _ITEM.finditer(data, start, end) if name == b"meta" else ():
            item = data[found.end() : found.end() + _length(data, found)]
            left -= len(item)
            if left < 0 or not all(map(_is_text, _names(item))):
                return False
    return True


def _names(item: bytes) -> list[bytes]:
    """Return the type of an item, its name and, of some, its kind of content."""
    version = item[0] if item else 0
    place = 10 if version > 2 else 8  # behind version, flags, number, and that of its protection
    kind = item[place : place + 4] if version > 1 else b""
    return [kind, *item[place + len(kind) :].split(b"\0")]


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box of a part of the file, where its content starts, and its end."""
    for _ in range(_BOXES):
        length, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        start = place + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        stop = place + length if length else end
        yield name, start, min(stop, end)
        if stop <= place or stop >= end:
            return
        place = stop


def _length(data: bytes, name: re.Match[bytes]) -> int:
    """Return how long the content of a box is, whose name was found."""
    return max(int.from_bytes(data[name.start() - 4 : name.start()], "big") - 8, 0)


def _stated(
    data: bytes, start: int, end: int, name: re.Pattern[bytes], form: struct.Struct
) -> list[CodedSize]:
    """Return the sizes in the boxes of a name; too many count as one that is too large."""
    skip = 8 if form is _ISPE else 28  # version and flags; a sample entry
    sizes: list[CodedSize] = []
    for found in name.finditer(data, start, end):
        if len(sizes) == _STATEMENTS:
            return [TOO_MANY]
        at = found.start() + skip
        if at + form.size <= len(data):
            width, height = form.unpack_from(data, at)
            sizes.append((width, height))
    return sizes


def _pictures(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of each picture that the table of places lists, in a box `meta`."""
    inside = {name: place for name, place, _ in _boxes(data, start + 4, end)}
    if b"iloc" not in inside:
        return
    within = inside.get(b"idat", len(data))
    left = 2 * len(data)  # a table may list the same bytes again and again
    for parts in _items(data, inside[b"iloc"]):
        pieces = []
        for is_within, place, length in parts:
            place += within if is_within else 0
            pieces.append(data[place : place + length] if length else data[place:])
            left -= len(pieces[-1])
            if left < 0:
                raise struct.error("pictures of more bytes than the file has")
        yield pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _items(data: bytes, place: int) -> Iterator[list[tuple[bool, int, int]]]:
    """Yield the parts of each item of a table of places: whether in `idat`, where, how long."""
    version, sizes = data[place], int.from_bytes(data[place + 4 : place + 6], "big")
    offset_size, length_size, base_size, index_size = (sizes >> n & 15 for n in (12, 8, 4, 0))
    width, place, left = 4 if version == 2 else 2, place + 6, _MOST_PARTS
    count, place = _number(data, place, width), place + width
    for _ in range(count):
        place += width
        method = 0
        if version:
            method, place = _number(data, place, 2) & 15, place + 2
        base = _number(data, place + 2, base_size)
        place += 2 + base_size
        extents, place = _number(data, place, 2), place + 2
        left -= extents + 1
        if left < 0:
            raise struct.error("more pictures than a file has")
        parts = []
        for _ in range(extents):
            place += index_size if version else 0
            offset = _number(data, place, offset_size)
            length = _number(data, place + offset_size, length_size)
            place += offset_size + length_size
            parts.append((method == 1, base + offset, length))
        yield parts


def _number(data: bytes, place: int, size: int) -> int:
    if place + size > len(data):
        raise struct.error("a table that is cut")
    return int.from_bytes(data[place : place + size], "big")


def _samples(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the begin of each chunk of pictures of a track."""
    left = _MOST_PARTS
    for found in _CHUNKS.finditer(data, start, end):
        width = 8 if found[0] == b"co64" else 4
        count = _number(data, found.end() + 4, 4)
        left -= count + 1
        if left < 0:
            raise struct.error("more chunks than a sequence has")
        for number in range(count):
            place = _number(data, found.end() + 8 + number * width, width)
            yield data[place : place + 2**16]
