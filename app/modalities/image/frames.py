"""How many frames, pages or pictures a file has, so that an answer says what was not read."""

import re
from typing import NamedTuple

_BLOCKS = 200_000  # of a GIF, and chunks of a WebP, that are looked at; full blocks do not count
_FULL = re.compile(rb"(?:\xff.{255})*+", re.DOTALL)  # blocks of a GIF as encoders write them


class Count(NamedTuple):
    """How many there are, or how many were found before there was too much to count."""

    found: int
    is_all: bool = True


def all_but_first(count: Count, noun: str) -> str | None:
    """Return the sentence on what was left out; None for a file of one picture."""
    if count.is_all:
        return f"only the first of {count.found} {noun}s was read" if count.found > 1 else None
    if count.found > 1:
        return f"only the first of {count.found:,} or more {noun}s was read"
    return f"only the first {noun} was read; whether there are more was not counted"


def of_gif(data: bytes) -> Count:
    """Count the frames."""
    count, place, blocks = 0, 13 + _colours(data[10:11]), 0
    try:
        while blocks < _BLOCKS:
            mark, blocks = data[place], blocks + 1
            if mark == 0x2C:
                count += 1
                place += 11 + _colours(data[place + 9 : place + 10])
            elif mark == 0x21:
                place += 2
            else:
                return Count(count)
            place, seen = _behind_blocks(data, place, _BLOCKS - blocks)
            blocks += seen
    except IndexError:  # the file ends here
        return Count(count)
    return Count(count, is_all=False)


def _behind_blocks(data: bytes, place: int, most: int) -> tuple[int, int]:
    """Return where the blocks that start there end, and how many were looked at."""
    for blocks in range(most):
        size = data[place]
        if size == 255:
            full = _FULL.match(data, place)
            place = full.end() if full and full.end() > place else place + 256
        elif size:
            place += 1 + size
        else:
            return place + 1, blocks
    return place, most


def of_webp(data: bytes) -> Count:
    """Count the frames."""
    if data[12:16] != b"VP8X" or not data[20] & 2:
        return Count(1)
    place, count = 12, 0
    for _ in range(_BLOCKS):
        count += data[place : place + 4] == b"ANMF"
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + size + (size & 1)
        if place >= len(data):
            return Count(count)
    return Count(count, is_all=False)


def without_remarks(gif: bytes) -> bytes | None:
    """Return a GIF file without the comments before its first frame; None for too many blocks.

    Pillow would keep each block of a comment as an object of its own.
    """
    kept, start, place = [], 0, 13 + _colours(gif[10:11])
    blocks = 0
    try:
        while gif[place] == 0x21:
            here, is_control = place, gif[place + 1] == 0xF9
            place, seen = _behind_blocks(gif, place + 2, _BLOCKS - blocks)
            blocks += seen + 1
            if blocks >= _BLOCKS:
                return None
            if not is_control:
                kept.append(gif[start:here])
                start = place
    except IndexError:  # the file ends here, without a frame
        return gif
    return b"".join([*kept, gif[start:]]) if kept else gif


def _colours(flags: bytes) -> int:
    """Return how many bytes a table of colours takes."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
