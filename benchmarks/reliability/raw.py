"""Connections below HTTP: bytes as they are, sent slowly, too many of them, or never read."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.client import HOST, PROBLEM

_BLOCK = 65536


@dataclass(frozen=True)
class RawResponse:
    """The bytes that came until the server closed the connection or the time was over."""

    data: bytes
    closed: bool

    @property
    def status(self) -> int:
        """The status of the first response; 0 without one."""
        head = self.data[:12]
        return int(head[9:12]) if head.startswith(b"HTTP/1.") and head[9:12].isdigit() else 0

    @property
    def is_problem(self) -> bool:
        """Whether it is a client error in the form of RFC 9457."""
        head = self.data.partition(b"\r\n\r\n")[0].lower()
        problem = f"content-type: {PROBLEM}".encode() in head
        return (400 <= self.status < 500 or self.status in (501, 505)) and problem


def connect(port: int, data: bytes = b"", receive: int = 0) -> socket.socket:
    """Open a connection and send `data`. receive: size of the socket's buffer for what comes."""
    connection = socket.socket()
    connection.settimeout(5)
    if receive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.connect((HOST, port))
    if data:
        connection.sendall(data)
    return connection


def exchange(port: int, data: bytes, patience: float = 5) -> RawResponse:
    """Send bytes and read until the server closes or `patience` seconds are over."""
    found, ended = bytearray(), time.monotonic() + patience
    with connect(port) as connection:
        with suppress(OSError):
            connection.sendall(data)
        while (left := ended - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                part = connection.recv(_BLOCK)
            except TimeoutError:
                break
            except OSError:
                return RawResponse(bytes(found), True)
            if not part:
                return RawResponse(bytes(found), True)
            found += part
    return RawResponse(bytes(found), False)


def flood(port: int, head: bytes, most: int, chunked: bool) -> int:
    """Send a body until the server takes no more; return how many bytes it took, at most `most`.

    What this end's socket holds is among them; what the server's holds, whose size is the system's
    business, is not, where the server waits before it closes the connection.
    """
    block = b"x" * _BLOCK
    unit = b"%x\r\n%b\r\n" % (len(block), block) if chunked else block
    sent = 0
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BLOCK)
        connection.settimeout(0.5)
        connection.connect((HOST, port))
        try:
            connection.sendall(head)
            while sent < most:
                connection.sendall(unit)
                sent += _BLOCK
        except TimeoutError:
            return sent - _not_read(port, connection.getsockname()[1])
        except OSError:
            pass
    return sent


def _not_read(port: int, client: int) -> int:
    """Return how many bytes the server's end of a connection holds, which nobody has read."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if local.endswith(f":{port:04X}") and remote.endswith(f":{client:04X}"):
                return int(queues.partition(":")[2], 16)
    return 0


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection; what it sent before is thrown away."""
    connection.setblocking(False)
    try:
        while connection.recv(_BLOCK):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def trickle(connection: socket.socket) -> None:
    """Send one more byte, if that is still possible."""
    with suppress(OSError):
        connection.send(b"x")
