"""Whether a client reads its answers, as this process and its kernel see it."""

import array
import asyncio
import socket
import struct
import sys
from contextlib import suppress

PROGRESS = 64 * 2**10  # bytes that a client must take between two looks


class Reader:
    """The client of one connection, as it takes what was written to `transport`."""

    __slots__ = ("_transport", "_untaken")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._untaken = 0

    def start(self) -> None:
        """Note how much is to be taken from now on."""
        self._untaken = self._transport.get_write_buffer_size()

    def progressed(self) -> bool:
        """Return whether it has taken `PROGRESS` bytes, or all there was, since the last look."""
        before, self._untaken = self._untaken, self._transport.get_write_buffer_size()
        return self._untaken == 0 or before - self._untaken >= PROGRESS

    def has_taken_all(self) -> bool:
        """Return whether its machine has acknowledged everything; True where that is unknown."""
        count = array.array("i", [0])
        connection = self._transport.get_extra_info("socket")
        if sys.platform == "linux" and connection is not None:
            import fcntl  # other systems may not have these
            import termios

            with suppress(OSError):
                fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, count)
        return count[0] == 0

    def reset(self) -> None:
        """Close at once; otherwise the kernel would keep for minutes what is to be taken."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):
                now = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        self._transport.abort()
