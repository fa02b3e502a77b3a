"""The listening socket: how it is opened, named, and closed without losing a client."""

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress

from app.errors import OperatorError

_BACKLOG = 4096  # connections that may wait for the supervisor
_SO_ATTACH_FILTER = 26  # Linux; Python's socket module has no name for it
# Classic BPF on the TCP header: keep nothing of a segment with SYN among its flags, all of others.
_WITHOUT_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x45, 0, 1, 0x02),  # is SYN set? then the next line, else the one after it
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, IPv6 and IPv4 where the host is `::`; raise `OperatorError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family is socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OperatorError(f"port {port} is taken; choose another: --port") from error
        reason = str(error.strerror).partition(" (while")[0]  # Python adds the address
        raise OperatorError(f"cannot listen on {host}, port {port}: {reason}") from error


def url(listener: socket.socket) -> str:
    """Return the address of a listening socket, as in `http://[::1]:8000`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refuse_newcomers(listener: socket.socket) -> None:
    """Let no client begin to connect; those that have begun still can, and wait to be accepted.

    Closing the socket resets whoever has connected and was not accepted yet, and who may have sent
    a request. Afterwards nobody has: a SYN is dropped, the client sends another in a second, finds
    the socket closed, and may ask another server. Does nothing where there are no socket filters.
    """
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *op) for op in _WITHOUT_SYN))
    program = struct.pack("@HP", len(_WITHOUT_SYN), ctypes.addressof(code))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def accept_last(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield every connection that waits to be accepted, then close the listening socket."""
    with listener, suppress(OSError):
        while True:
            yield listener.accept()[0]
