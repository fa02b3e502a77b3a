"""The first directory of a TIFF file, written anew behind its pixels, in either byte order.

Pillow reads no BigTIFF with the highest byte first, and no 12 bits of such a file. The pixels stay
where they are; the numbers of the directory are copied, without remarks.
"""

import struct
from collections.abc import Mapping

import numpy as np

from app.modalities.image import tiff

# Bytes of a number by its type, and numbers of a value.
_FORMS = {
    **dict.fromkeys((1, 2, 6, 7), (1, 1)),
    **dict.fromkeys((3, 8), (2, 1)),
    **dict.fromkeys((4, 9, 11, 13), (4, 1)),
    **dict.fromkeys((5, 10), (4, 2)),
    12: (8, 1),
    **dict.fromkeys((16, 18), (8, 1)),
}
_LONG = 4  # the type of numbers of 4 bytes
_LONGER = {16, 18}
_REMARKS = {270, 305, 306, 315, 700, 33723, 34377, 34665, 34675, 37724, 50341}


def written_anew(data: bytes, order: str, changed: Mapping[int, int]) -> bytes:
    """Return the file with a directory of that byte order; raises `struct.error` if it is cut.

    changed: the values of tags of one short number that are to be others.
    """
    entries: list[tuple[int, int, int, bytes]] = []
    left = len(data)  # several entries may name the same bytes
    for tag, kind, count, place in _entries(data):
        width, numbers = _FORMS[kind]
        size = width * numbers * count
        left -= size
        if place + size > len(data) or left < 0:
            raise struct.error("values behind the end of the file")
        values = np.frombuffer(data, f"{tiff.byte_order(data)}u{width}", numbers * count, place)
        if kind in _LONGER:
            if values.max(initial=0) >= 2**32:
                raise struct.error("a place behind the end of the file")
            kind, width = _LONG, 4
        if tag in changed:
            values = np.asarray([changed[tag]])
        entries.append((tag, kind, count, values.astype(f"{order}u{width}").tobytes()))
    start = len(data) + len(data) % 2
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", start)
    pixels, pad = memoryview(data)[8:], bytes(len(data) % 2)
    return b"".join((head, pixels, pad, _directory(entries, order, start)))


def _entries(data: bytes) -> list[tuple[int, int, int, int]]:
    """Return tag, type, count and place of the values of each entry that is kept."""
    order, big = tiff.byte_order(data), tiff.is_big(data)
    place, (form, inline) = tiff.first_place(data), ("Q", 8) if big else ("I", 4)
    if place > len(data):
        raise struct.error("the directory starts behind the end of the file")
    (total,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
    entry, found = struct.Struct(order + "HH" + form), list[tuple[int, int, int, int]]()
    for number in range(min(total, tiff.MAX_ENTRIES)):
        at = place + (8 if big else 2) + number * (entry.size + inline)
        tag, kind, count = entry.unpack_from(data, at)
        if kind not in _FORMS or not count or tag in _REMARKS:
            continue
        at += entry.size
        width, numbers = _FORMS[kind]
        if width * numbers * count > inline:
            (at,) = struct.unpack_from(order + form, data, at)
        found.append((tag, kind, count, at))
    return found


def _directory(entries: list[tuple[int, int, int, bytes]], order: str, start: int) -> bytes:
    """Return a classic directory that starts there, and the values behind it."""
    behind = start + 2 + 12 * len(entries) + 4
    parts, values = [struct.pack(order + "H", len(entries))], list[bytes]()
    for tag, kind, count, value in entries:
        head = struct.pack(order + "HHI", tag, kind, count)
        if len(value) <= 4:
            parts.append(head + value.ljust(4, b"\0"))
        else:
            parts.append(head + struct.pack(order + "I", behind))
            values.append(value + bytes(len(value) % 2))
            behind += len(values[-1])
    return b"".join([*parts, bytes(4), *values])
