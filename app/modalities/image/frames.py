"""How many frames, pages or pictures a file has, so that an answer says what was not read."""

_BLOCKS = 20_000  # that are read to count frames


def all_but_first(count: int | None, noun: str) -> str | None:
    """Return the sentence on what was left out; None for a file of one picture.

    count: of the frames, pages or pictures; None for more than were counted.
    """
    if count is None:
        return f"only the first {noun} was read"
    return f"only the first of {count} {noun}s was read" if count > 1 else None


def of_gif(data: bytes) -> int | None:
    """Count the frames; None if they take more than 20,000 blocks."""
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
                return count
            while data[place] and blocks < _BLOCKS:
                place, blocks = place + 1 + data[place], blocks + 1
            place += 1
    except IndexError:  # the file ends here
        return count
    return None


def of_webp(data: bytes) -> int | None:
    """Count the frames; None if there are more than 20,000 chunks."""
    if data[12:16] != b"VP8X" or not data[20] & 2:
        return 1
    place, count = 12, 0
    for _ in range(_BLOCKS):
        count += data[place : place + 4] == b"ANMF"
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + size + (size & 1)
        if place >= len(data):
            return count
    return None


def without_remarks(gif: bytes) -> bytes | None:
    """Return a GIF file without the comments before its first frame; None for too many blocks.

    Pillow would keep each block of a comment as an object of its own.
    """
    kept, start, place = [], 0, 13 + _colours(gif[10:11])
    blocks = 0
    try:
        while gif[place] == 0x21:
            here, is_control = place, gif[place + 1] == 0xF9
            place += 2
            while gif[place]:
                place, blocks = place + 1 + gif[place], blocks + 1
                if blocks > 10 * _BLOCKS:
                    return None
            place += 1
            if not is_control:
                kept.append(gif[start:here])
                start = place
    except IndexError:  # the file ends here, without a frame
        return gif
    return b"".join([*kept, gif[start:]]) if kept else gif


def _colours(flags: bytes) -> int:
    """Return how many bytes a table of colours takes."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
