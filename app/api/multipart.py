"""Parsing multipart/form-data in memory (RFC 7578, RFC 2046).

One search for the boundary finds each part, which is copied once. Only line breaks may stand before
the first boundary; the bytes after the last one are ignored. A part in base64 or quoted-printable
is decoded.
"""

import re
from collections.abc import Iterator

from python_multipart.multipart import parse_options_header

from app.api.transfer_encoding import decode_part
from app.errors import MalformedRequest, TooLarge
from app.modalities import Payload
from app.modalities.payload import SNIFFED

MAX_HEADERS = 16  # of one part
MAX_HEADER = 4096  # bytes of one header's name and value
MAX_BOUNDARY = 256  # bytes; RFC 2046 allows 70
_DEFAULTS = {"file": SNIFFED, "text": "text/plain"}
# The fields of a part that change what its data mean.
_MEANING = (
    *(b"content-disposition", b"content-type"),
    *(b"content-transfer-encoding", b"content-encoding"),
)
PART_NAMES = tuple(_DEFAULTS)
_NEXT, _LAST, _BLANK = b"\r\n", b"--", b"\r\n\r\n"
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")


def parse_multipart(body: bytes, boundary: str, max_items: int) -> list[Payload]:
    """Return the parts in order; raise `MalformedRequest` or `TooLarge`."""
    if not boundary:
        raise MalformedRequest("the multipart Content-Type declares no boundary")
    if len(boundary) > MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise MalformedRequest("the multipart Content-Type declares a boundary that cannot be one")
    payloads: list[Payload] = []
    for head, data in _parts(body, b"--" + boundary.encode()):
        if len(payloads) == max_items:
            raise TooLarge(f"expected at most {max_items} parts, got more")
        payloads.append(_payload(head, data))
    return payloads


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the head and the data of each part; raise `MalformedRequest` if a part has no end."""
    start = len(body) - len(body.lstrip(_NEXT))
    if not body.startswith(mark, start):
        raise MalformedRequest("the multipart body does not begin with its boundary")
    longest = MAX_HEADERS * (MAX_HEADER + len(_NEXT)) + len(_BLANK)
    place = start + len(mark)
    while not body.startswith(_LAST, place):
        blank = body.find(_BLANK, place, place + longest)
        if blank < 0 or not body.startswith(_NEXT, place):
            raise MalformedRequest("a part of the multipart body has no end to its headers")
        data = blank + len(_BLANK)
        end = _next(body, _NEXT + mark, data)
        yield body[place + len(_NEXT) : blank], body[data:end]
        place = end + len(_NEXT) + len(mark)


def _next(body: bytes, mark: bytes, place: int) -> int:
    """Return where the next boundary is; what it is only the beginning of is data."""
    while (place := body.find(mark, place)) >= 0:
        if body.startswith((_NEXT, _LAST), place + len(mark)):
            return place
        place += len(mark)
    raise MalformedRequest("the multipart body ends before its closing boundary")


def _payload(head: bytes, data: bytes) -> Payload:
    fields = _fields(head)
    if fields.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise MalformedRequest("expected parts without Content-Encoding; compress the whole body")
    disposition = parse_options_header(fields.get(b"content-disposition", b""))[1]
    name = disposition.get(b"name", b"").decode("latin-1")
    if name not in PART_NAMES:
        raise MalformedRequest(f"expected parts named {' or '.join(PART_NAMES)}, got another name")
    value, options = parse_options_header(fields.get(b"content-type", b""))
    media_type = value.decode("latin-1") or _DEFAULTS[name]
    charset = options.get(b"charset", b"").decode("latin-1") or None
    if encoding := fields.get(b"content-transfer-encoding"):
        data = decode_part(data, encoding.decode("latin-1"))
    return Payload(data, media_type, charset)


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Return the header fields of a part by name in lower case.

    Raises `MalformedRequest` for one that changes what the data mean and comes twice; of another,
    the last value counts.
    """
    lines = head.split(_NEXT) if head else []
    if len(lines) > MAX_HEADERS:
        raise MalformedRequest(f"expected at most {MAX_HEADERS} headers in a part, got more")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None or len(line) > MAX_HEADER:
            raise MalformedRequest(f"expected headers of at most {MAX_HEADER} bytes, got others")
        name = header[1].lower()
        if name in _MEANING and name in fields:
            raise MalformedRequest("a part has one of its headers twice")
        fields[name] = header[2]
    return fields
