"""Numbers by key in memory that forked workers share: each worker writes its own and reads all.

The memory is anonymous and exists as long as a worker does, so no cleaner of folders and no full
disk can break it, and the numbers of a worker that was killed stay. Each worker has a region, to
which keys are only ever appended, each with its numbers; a worker that replaces another continues
its region. Nothing is locked: a worker writes to its own region only, an entry counts once its
length is in the region's first eight bytes and its checksum is right, and eight aligned bytes
change at once. A reader may see one number of a key newer than another.

Limits: a region has a fixed size, of which the system supplies only what is used. Where it is full,
a new key gets private memory, which the other workers never see; `full` says so.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import orjson

REGION = 4 * 2**20  # bytes; a model version takes about 6 kB
_USED = struct.Struct("=Q")  # bytes of a region in use, these eight included
_ENTRY = struct.Struct("=IIII")  # bytes of the key, numbers, checksum of both, 0

Key = tuple[str, ...]
if TYPE_CHECKING:
    Numbers: TypeAlias = memoryview[float]
else:  # until Python 3.14 it takes no parameter
    Numbers = memoryview


class SharedNumbers:
    """Construct it before the workers are forked; each then calls `join` once.

    workers: their number. region: bytes for each. full: whether a key of this worker did not fit.
    """

    def __init__(self, workers: int = 1, region: int = REGION) -> None:
        memory = memoryview(mmap.mmap(-1, workers * region))
        self._regions = [_Region(memory[i * region : (i + 1) * region]) for i in range(workers)]
        self._private: dict[Key, Numbers] = {}
        self.index = 0

    def join(self, index: int) -> None:
        """Become the worker `index`, from 0; continue what a worker of that index has left."""
        self.index, self._private = index, {}

    @property
    def workers(self) -> int:
        """For how many workers there is a region."""
        return len(self._regions)

    @property
    def full(self) -> bool:
        """Whether a key of this worker did not fit."""
        return bool(self._private)

    def own(self, key: Key, count: int) -> Numbers:
        """Return this worker's `count` numbers of a key, 0 at first; write to them directly."""
        numbers = self._regions[self.index].entries().get(key)
        if numbers is None and key not in self._private:
            numbers = self._regions[self.index].append(key, count)
        if numbers is None:
            numbers = self._private.setdefault(key, memoryview(bytearray(8 * count)).cast("d"))
        return numbers

    def entries(self) -> Mapping[Key, Numbers]:
        """Return the keys and numbers of this worker, private ones included."""
        return self._regions[self.index].entries() | self._private

    def of(self, index: int) -> Mapping[Key, Numbers]:
        """Return the keys and numbers of the worker `index`, but not private ones."""
        return self._regions[index].entries()

    def all(self) -> Iterator[Mapping[Key, Numbers]]:
        """Give the keys and numbers of each worker, of which this one's may be private."""
        for index, region in enumerate(self._regions):
            yield self.entries() if index == self.index else region.entries()


class _Region:
    """The entries of one worker, in the order in which they were appended."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._entries: dict[Key, Numbers] = {}
        self._read = _USED.size  # bytes whose entries are known

    def entries(self) -> dict[Key, Numbers]:
        """Return every complete entry."""
        (used,) = _USED.unpack_from(self._memory)
        while self._read < used:
            length, count, checksum, _ = _ENTRY.unpack_from(self._memory, self._read)
            key = bytes(self._memory[self._read + _ENTRY.size :][:length])
            if zlib.crc32(key, count) != checksum:  # another processor's writes have not arrived
                break
            first = self._read + _ENTRY.size + _padded(length)
            self._read = first + 8 * count
            numbers = self._memory[first : self._read].cast("d")
            self._entries[tuple(orjson.loads(key))] = numbers
        return self._entries

    def append(self, key: Key, count: int) -> Numbers | None:
        """Add a key with `count` zeros and return them; None if they do not fit."""
        name = orjson.dumps(key)
        head = _ENTRY.pack(len(name), count, zlib.crc32(name, count), 0)
        entry = head + name.ljust(_padded(len(name)), b" ") + bytes(8 * count)
        (used,) = _USED.unpack_from(self._memory)
        used = max(used, _USED.size)
        if used + len(entry) > len(self._memory):
            return None
        self._memory[used : used + len(entry)] = entry
        _USED.pack_into(self._memory, 0, used + len(entry))
        return self.entries()[key]


def _padded(length: int) -> int:
    return -(-length // 8) * 8
