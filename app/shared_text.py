"""One text in memory that forked workers share: whoever writes replaces it for all.

Nothing is locked, so a worker that is killed blocks no other. A reader that meets a writer, or what
two writers at once have left, sees a wrong checksum and takes it as no text; the next write is
whole again. So it holds what every worker can do without.
"""

import mmap
import struct
import zlib

TEXT_SIZE = 2**20  # bytes, of which the system supplies only what is used
_HEAD = struct.Struct("=II")  # bytes of the text, its checksum


class SharedText:
    """Construct it before the workers are forked. size: bytes that it can hold."""

    def __init__(self, size: int = TEXT_SIZE) -> None:
        self._memory = memoryview(mmap.mmap(-1, _HEAD.size + size))

    def write(self, text: bytes) -> bool:
        """Replace the text; return False, and change nothing, if it is too long."""
        end = _HEAD.size + len(text)
        if end > len(self._memory):
            return False
        self._memory[_HEAD.size : end] = text
        _HEAD.pack_into(self._memory, 0, len(text), zlib.crc32(text))
        return True

    def read(self) -> bytes:
        """Return the text; nothing where there is none or none that is whole."""
        length, checksum = _HEAD.unpack_from(self._memory)
        text = bytes(self._memory[_HEAD.size : _HEAD.size + length])
        return text if zlib.crc32(text) == checksum else b""
