"""Files that consist of chunks, each with a name and a size: RIFF, RF64, W64, AIFF, CAF.

Sizes may be wrong: those of a recorder that was ended, or that wrote into a pipe, were never
written. At most `_MOST` chunks are looked at, so a hostile file takes no time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_MOST = 200  # chunks; recorders write about five
_UNPADDED = (b"data", b"fmt ", b"fact", b"LIST", b"SSND", b"COMM")


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """How a chunk begins. name, size: bytes; the size counts what follows, or the head, too."""

    name: int
    size: int
    order: Literal["little", "big"]
    counts_head: bool = False
    align: int = 1

    @property
    def head(self) -> int:
        """The bytes before the content."""
        return self.name + self.size


RIFF = ChunkForm(4, 4, "little", align=2)
RIFX = ChunkForm(4, 4, "big", align=2)
W64 = ChunkForm(16, 8, "little", counts_head=True, align=8)
CAF = ChunkForm(4, 8, "big")


def each_chunk(data: bytes, place: int, form: ChunkForm) -> Iterator[tuple[bytes, int, int]]:
    """Yield the first four letters of each chunk's name, where its content starts, and its size.

    The size is as it was written.
    """
    head, name_size = form.head, form.name
    for _ in range(_MOST):
        start = place + head
        if start > len(data):
            return
        size = int.from_bytes(data[place + name_size : start], form.order)
        if form.counts_head:
            size = max(size - head, 0)
        name = data[place : place + 4]
        yield name, start, size
        place = start + size + -size % form.align
        # Some writers do not pad odd sizes.
        if size % 2 and form.align == 2 and data[place - 1 : place + 3] in _UNPADDED:
            place -= 1


def extent(data: bytes, start: int, size: int, form: ChunkForm | None = None) -> int:
    """Return how many bytes of samples there are, where a size was written, or was not.

    A size that is too large was not written, and neither was 0 where samples follow: what remains
    is theirs, unless it is chunks to the very end.
    """
    rest = len(data) - start
    if size > rest:
        return rest
    if size == 0 and rest and not (form is not None and _are_chunks(data, start, form)):
        return rest
    return size


def _are_chunks(data: bytes, place: int, form: ChunkForm) -> bool:
    """Return whether chunks with names in letters fill the file from that place to its end."""
    for name, start, size in each_chunk(data, place, form):
        if not (name.isascii() and name.decode("latin-1").isprintable()):
            return False
        if len(data) - start in (size, size + size % 2):
            return True
    return False
