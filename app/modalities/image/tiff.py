"""The directories of a TIFF file: what they say of whole numbers, and how many pages there are."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.modalities.image.frames import Count

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 256, 257, 258, 259, 262, 277
ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH, SAMPLE_FORMAT = 278, 322, 323, 339
ORIENTATION, EXTRA_SAMPLES, PROFILE, XMP = 274, 338, 34675, 700
STRIPS, PLANES, TILES, SUBSAMPLING, RANGES = 273, 284, 324, 530, 532
_SUBFILE = 254
MAX_ENTRIES = 400
"""Entries of a directory that are read."""
_PAGES = 1000  # that are counted
_FRACTION = 5  # a type
_FORMS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class Directory:
    """The entries of a directory that hold whole numbers.

    first: the first value by tag. counts: of values by tag. places: where each first value stands.
    next: where the next directory starts; 0 for none.
    """

    first: Mapping[int, int]
    counts: Mapping[int, int]
    places: Mapping[int, tuple[int, str]]
    next: int

    def value(self, data: bytes, tag: int) -> bytes:
        """Return the bytes of a tag whose values are bytes; empty if there are none."""
        if tag not in self.places or not self.places[tag][1].endswith("B"):
            return b""
        start = self.places[tag][0]
        return data[start : start + self.counts[tag]]

    def numbers(self, data: bytes, tag: int) -> tuple[int, ...]:
        """Return the values of a tag, at most twelve; none if they are cut.

        Those of a fraction are two, the upper and the lower one.
        """
        if tag not in self.places:
            return ()
        start, form = self.places[tag]
        count = min(self.counts[tag] * len(form[1:]), 12)
        try:
            return struct.unpack_from(f"{form[0]}{count}{form[1]}", data, start)
        except struct.error:
            return ()


def byte_order(data: bytes) -> Literal["<", ">"]:
    """Return how the numbers of a file are written, as `struct` names it."""
    return "<" if data.startswith(b"II") else ">"


def is_big(data: bytes) -> bool:
    """Return whether a file is a BigTIFF, whose offsets have eight bytes."""
    return data[2:4] in (b"+\0", b"\0+")


def first_place(data: bytes) -> int:
    """Return where the first directory starts; raises `struct.error` if the file is cut."""
    form, place = ("Q", 8) if is_big(data) else ("I", 4)
    return int(struct.unpack_from(byte_order(data) + form, data, place)[0])


def read_directory(data: bytes, place: int | None = None) -> Directory:
    """Read the first directory, or the one at `place`; raises `struct.error` if it is cut."""
    order, big = byte_order(data), is_big(data)
    form, inline, step = ("Q", 8, 20) if big else ("I", 4, 12)
    if place is None:
        place = first_place(data)
    if place > len(data):  # or more than the machine can count to
        raise struct.error("the directory starts behind the end of the file")
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    start = place + (8 if big else 2)
    entry = struct.Struct(order + "HH" + form)
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    places: dict[int, tuple[int, str]] = {}
    for number in range(min(count, MAX_ENTRIES)):
        tag, kind, values = entry.unpack_from(data, start + step * number)
        letter = "II" if (tag, kind) == (RANGES, _FRACTION) else _FORMS.get(kind)
        if letter is None or not values or tag in first:  # Pillow takes the first one, too
            continue
        at = start + step * number + entry.size
        if struct.calcsize("=" + letter) * values > inline:
            at = struct.unpack_from(order + form, data, at)[0]
        if at > len(data):
            continue
        first[tag] = struct.unpack_from(order + letter, data, at)[0]
        counts[tag], places[tag] = values, (at, order + letter)
    end = start + step * min(count, len(data))
    following = data[end : end + inline]
    return Directory(
        first, counts, places, int.from_bytes(following, "little" if order == "<" else "big")
    )


def pages(data: bytes) -> Count:
    """Count the pictures without those that repeat another one at a smaller size, and masks."""
    place, seen, count = first_place(data), set[int](), 0
    while place and place not in seen:
        if len(seen) == _PAGES:
            return Count(max(count, 1), is_all=False)
        try:
            directory = read_directory(data, place)
        except struct.error:
            break
        seen.add(place)
        count += not directory.first.get(_SUBFILE, 0) & 5  # a smaller copy; a mask
        place = directory.next
    return Count(max(count, 1))


def channels_left_out(data: bytes, directory: Directory) -> str | None:
    """Return a sentence on the samples of a pixel that are neither a colour nor transparency."""
    count = directory.numbers(data, EXTRA_SAMPLES).count(0)
    if not count:
        return None
    channels = "1 channel beside the colours was" if count == 1 else ""
    return f"{channels or f'{count} channels beside the colours were'} not read"
