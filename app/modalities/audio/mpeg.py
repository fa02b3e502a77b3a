"""Where the frames of an MP3 file begin: behind tags, padding and a bounded part of anything else.

mpg123 and browsers search as well. Tags are those of ID3v2, with the footer of its version 2.4, and
of APE. A frame that is searched for must be followed by others of its kind, so that a text or a
picture is not taken for a sound.
"""

import re
import struct
from collections.abc import Iterable

from app.errors import InvalidInput

SEARCHED = 2**16
"""Bytes in which the first frame is searched for, as FFmpeg does."""
_MOST_TAGS = 100
_IN_A_ROW = 3  # frames
_MOST_FRAMES, _LAYER_3 = 30_000, 2  # more than 300 s; bits of a head
_MOST_SOUNDS = 100  # in a row
_HEADERS = (b"Xing", b"Info", b"VBRI")  # in a first frame: how long the sound is
_BEFORE = (36, 21, 13)  # bytes of a frame before such a header
_STATED, _HAS_FRAMES, _HAS_BYTES = 2**14, 1, 2
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_NO_ZERO = re.compile(rb"[^\0]")
_RATES = (44_100, 48_000, 32_000)
# kbit/s by the layer (III, II, I) of version 1, and of the later ones
_KBITS_1 = (
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
)
_KBITS_2 = (
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
)


def skip_tags(data: bytes) -> int:
    """Return where the tags at the start of a file, and zeros behind them, end."""
    place = 0
    for _ in range(_MOST_TAGS):
        if data.startswith(b"ID3", place) and place + 10 <= len(data):
            place += _id3_size(data, place)
        elif data.startswith(b"APETAGEX", place) and place + 32 <= len(data):
            place += 32 + int.from_bytes(data[place + 12 : place + 16], "little")
        elif data.startswith(b"\0", place):
            found = _NO_ZERO.search(data, place)
            place = found.start() if found else len(data)
        else:
            return min(place, len(data))
    raise InvalidInput(
        f"expected at most {_MOST_TAGS} tags before the sound, got more; save it without tags"
    )


def _id3_size(data: bytes, place: int) -> int:
    """Return the size of an ID3v2 tag with its header and footer."""
    size = 0
    for byte in data[place + 6 : place + 10]:
        size = size << 7 | byte & 0x7F
    has_footer = data[place + 3] >= 4 and data[place + 5] & 0x10
    return 10 + size + (10 if has_footer else 0)


def is_frame_mark(data: bytes, place: int = 0) -> bool:
    """Return whether MPEG's mark of a frame stands there."""
    return len(data) > place + 1 and data[place] == 0xFF and data[place + 1] & 0xE0 == 0xE0


def find_frames(data: bytes, place: int) -> int | None:
    """Return where the first of several frames in a row begins, within `SEARCHED` bytes."""
    # A mark of two bytes may start behind the last of them.
    for mark in _SYNC.finditer(data, place, place + SEARCHED + 2):
        if _row_of_frames(data, mark.start()):
            return mark.start()
    return None


def further_sounds(data: bytes) -> list[int]:
    """Return where a file has further sounds behind the one that it begins with.

    Each has a first frame that says how long it is, and decoders end there; what follows that
    length is a further sound, too. At most 99.
    """
    heads = _headers(data)
    if not heads:
        return []
    starts = {place for place, _ in heads if place}
    ends = [*(place for place, _ in heads[1:]), len(data)]
    for (place, size), end in zip(heads, ends, strict=True):
        if size and place + size + _STATED < end:
            behind = find_frames(data, place + size)
            if behind is not None and behind < end:
                starts.add(behind)
    return sorted(starts)[: _MOST_SOUNDS - 1]


def _headers(data: bytes) -> list[tuple[int, int]]:
    """Return where frames with a header start, and the bytes that each header states; or 0."""
    found = list[tuple[int, int]]()
    for name in _HEADERS:
        mark = data.find(name)
        for _ in range(10 * _MOST_SOUNDS):
            if mark < 0:
                break
            for before in _BEFORE:
                if mark >= before and _frame(data, mark - before)[1] > before:
                    found.append((mark - before, _stated_size(data, mark)))
                    break
            mark = data.find(name, mark + 4)
    return sorted(found)


def _stated_size(data: bytes, mark: int) -> int:
    if data.startswith(b"VBRI", mark):
        return int.from_bytes(data[mark + 10 : mark + 14], "big")
    flags = int.from_bytes(data[mark + 4 : mark + 8], "big")
    at = mark + (12 if flags & _HAS_FRAMES else 8)
    return int.from_bytes(data[at : at + 4], "big") if flags & _HAS_BYTES else 0


def with_length(data: bytes) -> bytes:
    """Return MP3 frames of several bit rates behind one that says how many they are, if none does.

    Decoders guess the length by the bit rate of the first frame otherwise, and libsndfile ends
    there.
    """
    size = _frame(data, 0)[1]
    if size == 0 or any(size > before and data.startswith(_HEADERS, before) for before in _BEFORE):
        return data
    count, place, rates, longest = 0, 0, set[int](), (0, 0)
    while count < _MOST_FRAMES:
        size = _frame(data, place)[1]
        if size == 0:
            found = find_frames(data, place) if place < len(data) else None
            if found is None:
                break
            place, size = found, _frame(data, found)[1]
        rates.add(data[place + 2] >> 4)
        longest = max(longest, (size, -place))
        count, place = count + 1, place + size
    size, start = longest[0], -longest[1]
    # The mark says that no checksum follows.
    head = bytes((data[start], data[start + 1] | 1, data[start + 2], data[start + 3]))
    before = _BEFORE[(head[1] & 8 == 0) + (head[3] >> 6 == 3)]
    if len(rates) < 2 or head[1] & 6 != _LAYER_3 or size < before + 12:
        return data
    frame = head + bytes(before - 4) + _HEADERS[0] + struct.pack(">II", _HAS_FRAMES, count)
    return frame.ljust(size, b"\0") + data


def has_one_form(data: bytes, places: Iterable[int]) -> bool:
    """Return whether the frames there have one rate and one number of channels."""
    return len({(_frame(data, place)[0], data[place + 3] >> 6 == 3) for place in places}) == 1


def _row_of_frames(data: bytes, place: int) -> bool:
    first = None
    for number in range(_IN_A_ROW):
        if number > 1 and place == len(data):
            return True  # the file ends with the frame before
        kind, size = _frame(data, place)
        if size == 0 or (first is not None and kind != first):
            return False
        first = kind
        place += size
    return True


def _frame(data: bytes, place: int) -> tuple[int, int]:
    """Return what all frames of a sound share, and the bytes of this one; 0 for no frame."""
    head = int.from_bytes(data[place : place + 4], "big")
    version, layer = head >> 19 & 3, head >> 17 & 3
    rate, kbits = head >> 10 & 3, head >> 12 & 15
    shared = head & 0xFFFE0C00
    if head >> 21 != 0x7FF or version == 1 or layer == 0 or rate == 3 or kbits in (0, 15):
        return shared, 0
    hertz = _RATES[rate] >> (3 - version if version else 2)  # version 1: 3; 2: 2; 2.5: 0
    speed = (_KBITS_1 if version == 3 else _KBITS_2)[layer - 1][kbits - 1] * 1000
    padding = head >> 9 & 1
    if layer == 3:
        return shared, (12 * speed // hertz + padding) * 4
    samples = 72 if layer == 1 and version != 3 else 144
    return shared, samples * speed // hertz + padding
