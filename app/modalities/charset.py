"""Bytes → text.

Bytes are read as UTF-8 unless they have a byte order mark or a declared charset. A byte that cannot
be decoded is refused with its position; nothing is replaced.
"""

from encodings import normalize_encoding
from encodings.aliases import aliases

from app.errors import InvalidInput
from app.modalities.payload import Payload

# Longest first: the mark of UTF-32-LE starts with that of UTF-16-LE.
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Python's registry also holds codecs that are no charsets (punycode is quadratic), and it caches
# every name that it looks up, so only names of this set reach it.
_FAMILIES = ("ascii", "utf_8", "utf_16", "utf_32", "latin_1", "iso8859", "cp", "koi8", "gb", "big5")
_CHARSETS = {
    charset
    for charset in aliases.values()
    if charset.startswith((*_FAMILIES, "shift_jis", "euc", "mac"))
}
_LOOKED_AT = 4096  # bytes
_EMPTY = 0.5  # of the bytes of a place that are 0
_LONGEST_NAME = 40  # characters of a charset


def decode_text(payload: Payload) -> str:
    """Return the payload as a string without byte order mark; raise `InvalidInput` otherwise."""
    charset = charset_of_start(payload.data, payload.charset)
    if b"\0" in payload.data and not charset.startswith(("utf-16", "utf-32")):
        _refuse_zeros(payload.data[:_LOOKED_AT])
    try:
        return payload.data.decode(charset)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"expected {charset} text, but byte {error.start} does not decode; "
            "use UTF-8, or declare the charset"
        ) from None


def _refuse_zeros(start: bytes) -> None:
    """Raise `InvalidInput` for UTF-16 or UTF-32 without its mark: most letters have bytes of 0."""
    quarters = [start[place::4] for place in range(4)]
    empty = [part.count(0) >= _EMPTY * len(part) > 0 for part in quarters]
    if sum(empty) >= 3:
        name = "UTF-32"
    elif (empty[0] and empty[2]) or (empty[1] and empty[3]):
        name = "UTF-16"
    else:
        return
    raise InvalidInput(
        f"expected UTF-8 or the declared charset, got what looks like {name} without a byte order "
        f"mark; send UTF-8, or declare the charset {name.lower()}le or {name.lower()}be"
    )


def charset_of_start(data: bytes, declared: str | None) -> str:
    """Return the charset of bytes that begin so, as Python names it; the content decides.

    declared: counts where there is no byte order mark; None: UTF-8. Raises `InvalidInput` for one
    that is not known.
    """
    marked = next((c for mark, c in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    return marked or _known_charset(declared or "utf-8")


def _known_charset(declared: str) -> str:
    """Return Python's name of a charset, for any spelling that the client may use."""
    name = normalize_encoding(declared[:_LONGEST_NAME]).lower()
    name = aliases.get(name, name)
    if len(declared) > _LONGEST_NAME or name not in _CHARSETS:
        raise InvalidInput("the declared charset is not known; send UTF-8")
    return name.replace("_", "-")
