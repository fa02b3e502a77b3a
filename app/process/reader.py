"""Whether a client reads its answers, as this process and its kernel see it."""

import array
import asyncio
import socket
import struct
import sys
from contextlib import suppress

from app.process.unread_answers import UnreadAnswers

PROGRESS = 64 * 2**10  # bytes that a client must take between two looks


class Reader:
    """The client of one connection, as it takes what was written to `transport`.

    all_unread: what it has not taken counts there.
    """

    __slots__ = ("__weakref__", "_all_unread", "_before", "_transport")

    def __init__(self, transport: asyncio.WriteTransport, all_unread: UnreadAnswers) -> None:
        self._transport, self._all_unread = transport, all_unread
        self._before = 0  # bytes that were untaken at the latest look

    @property
    def untaken(self) -> int:
        """Bytes that it has not taken, apart from those in the kernel."""
        return self._transport.get_write_buffer_size()

    def start(self) -> None:
        """Note how much is to be taken from now on."""
        self._before = self.untaken
        if self._before:
            self._all_unread.started(self)

    def progressed(self) -> bool:
        """Return whether it has taken `PROGRESS` bytes, or all there was, since the last look."""
        before, self._before = self._before, self.untaken
        return self._before == 0 or before - self._before >= PROGRESS

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
