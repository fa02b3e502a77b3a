"""What the head of a request must be, beyond what the parser demands.

The parser (llhttp) refuses bare line feeds, folded lines, control characters, two lengths and a
length beside chunks. It takes what proxies read in different ways, or not at all: no Host or two,
codings around `chunked`, HTTP/0.9. These are refused here (RFC 9112, 3.2 and 6.1).
"""

import re
from collections import Counter
from collections.abc import Sequence

from app.errors import AddressTooLong, HeadTooLarge, MalformedRequest

MAX_FIELDS = 100  # browsers send about 20, and a proxy adds about 10
MAX_ADDRESS = 8192  # bytes; options are short, and what is to be classified is in the body
_VERSIONS = ("1.1", "1.0")
# A second one of these would mean something else to whoever takes the other.
_ONCE = (b"host", b"content-type", b"content-length", b"transfer-encoding")
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?", re.ASCII)

Fields = Sequence[tuple[bytes, bytes]]  # names in lower case, and values


def check_head(version: str, fields: Fields, host: bytes) -> bytes:
    """Return the value of Host; raise a `ClientError` for a head that can be misread.

    host: a value of Host that was already found to be right, which costs less.
    """
    values = dict(fields)
    if len(fields) != len(values):
        _check_repeated(fields)
    if version not in _VERSIONS:
        raise MalformedRequest("expected a request of HTTP/1.1 or HTTP/1.0, got another version")
    if b"transfer-encoding" in values and (
        version == "1.0" or values[b"transfer-encoding"].strip().lower() != b"chunked"
    ):
        raise MalformedRequest("expected no Transfer-Encoding but chunked, of HTTP/1.1")
    found = values.get(b"host")
    if found == host and found:
        return host
    if found is None:
        if version == "1.1":
            raise MalformedRequest("expected the header field Host")
        return b""
    if _HOST.fullmatch(found) is None:
        raise MalformedRequest("expected a host name in the header field Host")
    return found


def check_size(address: bytes, fields: Fields, arrived: int, max_head: int) -> None:
    """Raise `AddressTooLong` or `HeadTooLarge` for a complete head that is over a limit.

    arrived: bytes in which the head is contained; more is looked at only if these are too many.
    """
    if len(fields) > MAX_FIELDS:
        raise HeadTooLarge(f"expected at most {MAX_FIELDS} header fields, got more")
    if arrived > max_head:
        sizes = (len(name) + len(value) + len(b": \r\n") for name, value in fields)
        arrived = len(address) + sum(sizes)
    if error := over_limit(address, arrived, max_head):
        raise error


def over_limit(address: bytes, size: int, max_head: int) -> AddressTooLong | HeadTooLarge | None:
    """Return the error of a head of which so much has arrived; None if it is within the limits."""
    if len(address) > MAX_ADDRESS:
        return AddressTooLong(f"expected an address of at most {MAX_ADDRESS} bytes, got more")
    if size > max_head:
        return HeadTooLarge(f"expected a head of at most {max_head} bytes, got more")
    return None


def _check_repeated(fields: Fields) -> None:
    counts = Counter(name for name, _ in fields)
    for name in _ONCE:
        if counts[name] > 1:
            raise MalformedRequest(f"expected one header field {name.decode().title()}, got more")
