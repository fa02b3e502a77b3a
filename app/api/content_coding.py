"""Compressed request bodies: Content-Encoding gzip and deflate (RFC 9110, 8.4; RFC 1952, 1951).

A body is decompressed as it arrives, in pieces of `PIECE` bytes, each of which is counted before
the next one is made. So a small body that would become a huge one costs no more memory than the
largest body that is accepted. A gzip body may have up to `MAX_MEMBERS` members. Deflate is taken
with and without the header of zlib, as browsers do.
"""

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.types import Message, Receive

from app.errors import MalformedRequest, TooLarge, UnsupportedCoding

PIECE = 2**18  # bytes
MAX_MEMBERS = 1000
_GZIP = ("gzip", "x-gzip")
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15  # as `zlib.decompressobj` names the formats

Headers = Sequence[tuple[bytes, bytes]]


def content_coding(headers: Headers) -> str | None:
    """Return `gzip` or `deflate`; None for a plain body; raise `UnsupportedCoding`."""
    values = b",".join(value for name, value in headers if name == b"content-encoding")
    codings = [coding.strip().lower() for coding in values.decode("latin-1").split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return None
    if len(codings) == 1 and codings[0] in _GZIP:
        return "gzip"
    if codings == ["deflate"]:
        return "deflate"
    raise UnsupportedCoding(
        "expected a body as it is, or compressed once with gzip or deflate, got another "
        "Content-Encoding"
    )


class DecodedBody:
    """The body of a request, decompressed: `receive` is an ASGI channel."""

    def __init__(self, receive: Receive, coding: str, max_body: int) -> None:
        self._receive, self._max_body = receive, max_body
        self._decoder = _Decoder(coding)
        self._pieces: Iterator[bytes] = iter(())  # of what arrived last
        self._size = 0  # bytes that have arrived
        self._complete = self._returned = False

    async def receive(self) -> Message:
        """Return the next piece, or what has come instead; raise a `ClientError`."""
        if self._returned:
            return await self._receive()
        piece = next(self._pieces, None)
        if piece is None and self._complete:
            self._returned = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if piece is None:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._complete = not message.get("more_body", False)
            body = message.get("body", b"")
            self._size += len(body)
            if self._size > self._max_body:
                raise TooLarge(f"expected a body of at most {self._max_body} bytes, got more")
            self._pieces = self._decoder.pieces(body, last=self._complete)
            piece = next(self._pieces, b"")
        else:
            await asyncio.sleep(0)  # others are served between two pieces
        return {"type": "http.request", "body": piece, "more_body": True}


class _Decoder:
    """Decompresses a body, which arrives in parts."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: Any = None  # the member that is being decompressed
        self._members = 0
        self._held = b""  # the first byte of a body, which does not show its format

    def pieces(self, data: bytes, last: bool) -> Iterator[bytes]:
        """Yield what the next part of the body holds; raise `MalformedRequest`."""
        data, self._held = self._held + data, b""
        if self._stream is None and len(data) < 2 and not last:
            self._held = data
            return
        while True:
            if self._stream is None or self._stream.eof:
                data = data if self._stream is None else data.lstrip(b"\0")  # padding
                if not data:
                    break
                self._start(data)
            piece = self._decompress(data)
            if piece:
                yield piece
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if not data and len(piece) < PIECE:
                break
        if last and (self._stream is None or not self._stream.eof):
            raise MalformedRequest(f"the {self._coding} body ends too early")

    def _start(self, data: bytes) -> None:
        """Start the next member, of which `data` are the first bytes."""
        self._members += 1
        if self._members > (MAX_MEMBERS if self._coding == "gzip" else 1):
            raise MalformedRequest(f"the {self._coding} body goes on after its end")
        bits = _GZIP_BITS if self._coding == "gzip" else _deflate_bits(data)
        self._stream = zlib.decompressobj(bits)

    def _decompress(self, data: bytes) -> bytes:
        try:
            piece: bytes = self._stream.decompress(data, PIECE)
        except zlib.error:
            raise MalformedRequest(f"the body is not {self._coding}, or is damaged") from None
        return piece


def _deflate_bits(start: bytes) -> int:
    """Return the format of a deflate body by its first two bytes (RFC 1950, 2.2)."""
    with_header = start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return _ZLIB_BITS if with_header and len(start) > 1 else _RAW_BITS
