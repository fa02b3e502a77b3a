"""The size of an AVIF or HEIC picture, from the boxes of its file (ISO 14496-12 and 23008-12).

Every picture of such a file, and every tile of one, states its size in an `ispe` box; a track of a
sequence states it with its codec. The largest statement counts.
"""

import re
import struct

_BOXES = 100  # of the file that are read
_STATEMENTS = 1000  # of sizes that are read
_SIZE = re.compile(rb"ispe")
_TRACK = re.compile(rb"av01|hvc1|hev1")
_ISPE, _ENTRY = struct.Struct(">II"), struct.Struct(">HH")


def boxed_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of the largest picture; None if none is stated."""
    place, sizes = 0, []
    for _ in range(_BOXES):
        length, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        end = place + length if length else len(data)
        if name == b"meta":
            sizes += _stated(data, place, end, _SIZE, _ISPE)
        elif name == b"moov":
            sizes += _stated(data, place, end, _TRACK, _ENTRY)
        if end <= place or end >= len(data):
            break
        place = end
    if not sizes:
        return None
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _stated(
    data: bytes, start: int, end: int, name: re.Pattern[bytes], form: struct.Struct
) -> list[tuple[int, int]]:
    """Return the sizes in the boxes of a name; too many count as one that is too large."""
    skip = 8 if form is _ISPE else 28  # version and flags; a sample entry
    sizes: list[tuple[int, int]] = []
    for found in name.finditer(data, start, end):
        if len(sizes) == _STATEMENTS:
            return [(2**31, 2**31)]
        at = found.start() + skip
        if at + form.size <= len(data):
            width, height = form.unpack_from(data, at)
            sizes.append((width, height))
    return sizes
