"""The latest bytes that any of the forked workers has written, in memory that all of them share.

Each worker writes to its own region, so nothing is locked, and what a killed worker has written
stays. Bytes that were written in part have another checksum and do not count.
"""

import mmap
import struct
import time
import zlib

SHARED_BYTES = 2**18  # bytes that fit
_WRITTEN = struct.Struct("=d")  # seconds on the monotonic clock; 0: never
_HEAD = struct.Struct("=dII")  # the same, length, checksum of both and of the bytes


class SharedBytes:
    """Construct it before the workers are forked; each then calls `join` once."""

    def __init__(self, workers: int = 1) -> None:
        self._region = _HEAD.size + SHARED_BYTES
        self._memory = memoryview(mmap.mmap(-1, workers * self._region))
        self._workers, self._index = workers, 0

    def join(self, index: int) -> None:
        """Become the worker `index`, from 0."""
        self._index = index

    def put(self, content: bytes) -> None:
        """Write at most `SHARED_BYTES` bytes in place of what this worker has written before."""
        written, start = time.monotonic(), self._index * self._region
        if len(content) > SHARED_BYTES:
            raise ValueError(f"expected at most {SHARED_BYTES} bytes, got {len(content)}")
        first = start + _HEAD.size
        self._memory[first : first + len(content)] = content
        _HEAD.pack_into(
            self._memory, start, written, len(content), _checksum(written, len(content), content)
        )

    def latest(self) -> bytes | None:
        """Return what was written last, by any worker; None if nothing was."""
        found = [each for each in map(self._read, range(self._workers)) if each is not None]
        return max(found)[1] if found else None

    def _read(self, index: int) -> tuple[float, bytes] | None:
        start = index * self._region
        written, length, checksum = _HEAD.unpack_from(self._memory, start)
        first = start + _HEAD.size
        content = bytes(self._memory[first : first + min(length, SHARED_BYTES)])
        if not written or checksum != _checksum(written, length, content):
            return None
        return written, content


def _checksum(written: float, length: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(_WRITTEN.pack(written), length))
