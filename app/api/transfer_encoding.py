"""Bytes written as text: base64 in its common forms, quoted-printable, data URLs.

RFC 4648 (both alphabets), RFC 2045 (6.7 and 6.8), RFC 2397. What is decoded is smaller than what
was sent, so the limit of the body bounds it. What is neither is refused, not skipped.
"""

import binascii
import re

from app.errors import MalformedRequest

_LINE_BREAKS = str.maketrans("", "", "\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_WHITE_SPACE = bytes.maketrans(b"", b""), b" \t\r\n"
_DATA_URL = re.compile(r"data:([^,]{0,1000});base64,", re.IGNORECASE)
_AS_IS = ("", "7bit", "8bit", "binary")
_TEXT = bytes(byte for byte in range(128) if 32 <= byte < 127 or byte in b"\t\r\n")
# What begins with = must be an escape or end its line; spaces may have been added there.
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*+(?:\r?\n|\Z))")
_ADDED_SPACE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")


def decode_base64(text: str) -> bytes:
    """Return what `text` encodes, in either alphabet; raise `ValueError`.

    Line breaks are skipped and the padding may be left out.
    """
    try:
        return binascii.a2b_base64(text.encode(), strict_mode=True)
    except binascii.Error:  # not in the usual form
        text = text.translate(_LINE_BREAKS).translate(_URL_SAFE)
        bare = text.rstrip("=")
        padding = -len(bare) % 4
        if len(text) - len(bare) not in (0, padding):
            raise
        return binascii.a2b_base64((bare + "=" * padding).encode(), strict_mode=True)


def split_data_url(text: str) -> tuple[str | None, str]:
    """Return the content type and the base64 of a data URL; None and the text if it is none."""
    if found := _DATA_URL.match(text):
        return found[1] or "text/plain", text[found.end() :]
    return None, text


def decode_part(data: bytes, encoding: str) -> bytes:
    """Return the data of a part with this Content-Transfer-Encoding; raise `MalformedRequest`."""
    encoding = encoding.strip().lower()
    if encoding in _AS_IS:
        return data
    if encoding == "base64":
        try:
            return decode_base64(data.translate(*_WHITE_SPACE).decode("latin-1"))
        except ValueError:
            raise MalformedRequest("a part is not valid base64") from None
    if encoding == "quoted-printable":
        if data.translate(None, _TEXT) or _BAD_ESCAPE.search(data):
            raise MalformedRequest("a part is not valid quoted-printable")
        return binascii.a2b_qp(_ADDED_SPACE.sub(b"", data))
    raise MalformedRequest(
        "expected parts whose Content-Transfer-Encoding is base64, quoted-printable, 7bit, 8bit or "
        "binary, got another"
    )
