"""The directories of a TIFF file: sizes, types of samples, pages, and what would be misread.

Pillow reads some types of samples as if they were others: signed ones, those of 32 bits, those of
16 bits in separate planes. `check_samples` refuses these by name. The values of the others are
scaled by their type: 0 is black and the largest value white, or the other way round.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import InvalidInput

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 256, 257, 258, 259, 262, 277
ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH, SAMPLE_FORMAT = 278, 322, 323, 339
ORIENTATION, EXTRA_SAMPLES, PROFILE, XMP = 274, 338, 34675, 700
_SUBFILE, _STRIPS, _PLANES, _TILES = 254, 273, 284, 324
_ENTRIES = 400  # of a directory that are read
_PAGES = 1000  # that are counted
_MAX_PARTS = 20_000  # strips or tiles: Pillow makes an object of each
_WHITE_IS_ZERO, _GRAY, _LAB = 0, 1, {8, 9, 10}
_FORMS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_TYPES = {2: "signed integers", 3: "floating point"}
_INSTEAD = "convert it to 8 or 16 bits without sign, for example as PNG"


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


def read_directory(data: bytes, place: int | None = None) -> Directory:
    """Read the first directory, or the one at `place`; raises `struct.error` if it is cut."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    form, inline, step = ("Q", 8, 20) if big else ("I", 4, 12)
    if place is None:
        place = struct.unpack_from(order + form, data, 8 if big else 4)[0]
    if place > len(data):  # or more than the machine can count to
        raise struct.error("the directory starts behind the end of the file")
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    start = place + (8 if big else 2)
    entry = struct.Struct(order + "HH" + form)
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    places: dict[int, tuple[int, str]] = {}
    for number in range(min(count, _ENTRIES)):
        tag, kind, values = entry.unpack_from(data, start + step * number)
        letter = _FORMS.get(kind)
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


def check_samples(directory: Directory) -> None:
    """Refuse what Pillow would misread, and more or fewer strips than the picture has."""
    first = directory.first
    samples, bits = first.get(SAMPLES, 1), first.get(BITS, 1)
    kind, apart = first.get(SAMPLE_FORMAT, 1), first.get(_PLANES, 1) == 2 and samples > 1
    got = None
    if kind != 1:
        got = f"{_TYPES.get(kind, 'samples of an unknown type')} of {bits} bits"
    elif bits > 16:
        got = f"integers of {bits} bits, of which no value is known to be white"
    elif first.get(PHOTOMETRIC) in _LAB:
        got = "CIELAB colours"
    elif samples == 2 and (bits > 8 or apart or first.get(EXTRA_SAMPLES) == 1):
        got = f"gray and transparency of {bits} bits, multiplied or apart"
    elif apart and bits > 8:
        got = f"{samples} samples of {bits} bits in separate planes"
    if got is not None:
        raise InvalidInput(f"expected a TIFF of 8 or 16 bits without sign, got {got}; {_INSTEAD}")
    _check_parts(directory, samples if apart else 1)


def _check_parts(directory: Directory, planes: int) -> None:
    first = directory.first
    width, height = first.get(WIDTH, 0), first.get(LENGTH, 0)
    across, down = width, min(first.get(ROWS_PER_STRIP, height), height)
    if _STRIPS not in first and TILE_WIDTH in first:
        across, down = first[TILE_WIDTH], first.get(TILE_LENGTH, 0)
    needed = planes * -(-width // max(across, 1)) * -(-height // max(down, 1))
    parts = max(directory.counts.get(tag, 0) for tag in (_STRIPS, _TILES))
    if parts and parts != needed:
        raise InvalidInput(
            f"the header of the TIFF image contradicts itself: {parts} strips or tiles, where the "
            f"picture has {needed}"
        )
    if parts > _MAX_PARTS:
        raise InvalidInput(f"expected a TIFF of at most {_MAX_PARTS} strips or tiles, got more")


def white_is_zero(directory: Directory) -> bool:
    """Return whether 0 is white in samples that Pillow reads as if it were black."""
    first = directory.first
    if first.get(PHOTOMETRIC, _WHITE_IS_ZERO) != _WHITE_IS_ZERO:
        return False
    return first.get(SAMPLES, 1) == 2 or first.get(BITS, 1) > 8


def black_is_zero(data: bytes, directory: Directory) -> bytes:
    """Return the file with 0 for black in its first picture, which Pillow reads for every type."""
    if PHOTOMETRIC not in directory.places:
        return data
    at, form = directory.places[PHOTOMETRIC]
    return data[:at] + struct.pack(form, _GRAY) + data[at + struct.calcsize(form) :]


def pages(data: bytes) -> int:
    """Count the pictures, up to 1,000, without those that repeat another one at a smaller size."""
    place, seen, count = None, set[int](), 0
    while len(seen) < _PAGES:
        try:
            directory = read_directory(data, place)
        except struct.error:
            break
        count += not directory.first.get(_SUBFILE, 0) & 5  # a smaller copy; a mask
        place = directory.next
        if not place or place in seen:
            break
        seen.add(place)
    return max(count, 1)


def further_channels(directory: Directory) -> int:
    """Return how many samples of a pixel are neither a colour nor transparency."""
    unknown = directory.first.get(EXTRA_SAMPLES, 1) == 0
    return directory.counts.get(EXTRA_SAMPLES, 0) if unknown else 0
