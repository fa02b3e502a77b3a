"""Which cluster is meant: `local`, or `ray://HOST:PORT`."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import ClusterError

LOCAL = "local"
CLIENT_PORT = 10001  # where the head of a cluster accepts commands, unless it is configured
EXPECTED = f"expected {LOCAL} or ray://HOST:PORT, such as ray://10.0.0.1:{CLIENT_PORT}"


@dataclass(frozen=True, slots=True)
class HeadAddress:
    """Where the head of a cluster accepts commands from other machines."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as Ray reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ray://{host}:{self.port}"


def read_address(text: str) -> HeadAddress | None:
    """Return the head's address, None for `local`; raise `ClusterError` for anything else."""
    if text == LOCAL:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, or an open bracket
        host, port = None, None
    if not host or parts.scheme != "ray" or "@" in parts.netloc or text.rstrip("/") != _plain(text):
        raise ClusterError(f"{EXPECTED}, got {text[:60]!r}")
    return HeadAddress(host, port or CLIENT_PORT)


def _plain(text: str) -> str:
    """Return the part before a path, a query or a fragment."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}"
