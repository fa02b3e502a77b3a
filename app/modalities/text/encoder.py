"""Text → token ids.

Bytes are read as UTF-8 unless a byte order mark or a declared charset says otherwise;
what does not decode is refused with its position, never replaced. The text is cleaned
by `plain_text`, tokenized, and cut by the rule in `TextSpec`; a cut is reported.
"""

from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases

import numpy as np
from tokenizers import Tokenizer

from app.bundle import TextSpec
from app.errors import InvalidBundle, InvalidInput
from app.modalities.payload import Encoded, Payload
from app.modalities.text.plain_text import MAX_CHARS, clean
from app.modalities.text.tokenized import TokenizedText

# Longest first: the mark of UTF-32-LE starts with that of UTF-16-LE.
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Python's registry also holds codecs that are no charsets (punycode is quadratic), and it
# remembers every name it was ever asked for: only names from this set reach it.
_FAMILIES = ("ascii", "utf_8", "utf_16", "utf_32", "latin_1", "iso8859", "cp", "koi8", "gb", "big5")
_CHARSETS = {
    charset
    for charset in aliases.values()
    if charset.startswith((*_FAMILIES, "shift_jis", "euc", "mac"))
}
_LONGEST_NAME = 40  # characters of a charset


class TextEncoder:
    """Decodes, cleans, tokenizes and cuts text as `spec` says."""

    media_types = "text/*"

    def __init__(self, spec: TextSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec
        try:
            self._tokenizer = Tokenizer.from_buffer(files[spec.tokenizer])
        except Exception as error:  # a missing file, or what the Rust side raises
            raise InvalidBundle(f"{spec.tokenizer} is missing or not a tokenizer") from error

    def accepts(self, media_type: str) -> bool:
        """Any `text/…`, plain and HTML are cleaned alike; but a tree is no prose."""
        return media_type.startswith("text/") and media_type != "text/x-tree"

    def cost(self, payload: Payload) -> float:
        """By bytes: each is cleaned, those that are kept are tokenized."""
        return 2e-5 + 5e-7 * len(payload.data)

    def encode(self, payload: Payload) -> Encoded:
        """Return `{"tokens": (time,), "length": ()}`, both int64."""
        sent = decode_text(payload)
        text, cut = clean(sent)
        if not text:
            raise InvalidInput("expected some text, got none (or only white space)")
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, dtype=np.int64)
        if ids.size == 0:
            raise InvalidInput("the text holds nothing that this model can read")
        limit, tail = self.spec.max_tokens, self.spec.tail_tokens
        read = TokenizedText(sent, text, encoding, ids.size)
        truncated = f"only the first {MAX_CHARS} characters were read" if cut else None
        if ids.size > limit:
            truncated = (
                f"the text has {ids.size}{' or more' * cut} tokens; the first {limit - tail}"
                + (f" and the last {tail} were read" if tail else " were read")
            )
            ids = np.concatenate([ids[: limit - tail], ids[ids.size - tail :]])
            read = TokenizedText(sent, text, encoding, limit - tail, tail)
        arrays = {"tokens": ids, "length": np.asarray(ids.size, dtype=np.int64)}
        return Encoded(arrays, truncated, text=read)


def decode_text(payload: Payload) -> str:
    """Return the payload as a string without byte order mark; raise `InvalidInput`."""
    marked = next((c for mark, c in _BYTE_ORDER_MARKS if payload.data.startswith(mark)), None)
    charset = marked or _known_charset(payload.charset or "utf-8")
    try:
        return payload.data.decode(charset)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"expected {charset} text, but byte {error.start} does not decode; "
            "send UTF-8, or declare the charset in the Content-Type"
        ) from None


def _known_charset(declared: str) -> str:
    """Return Python's name of a charset, which is never the client's spelling of it."""
    name = normalize_encoding(declared[:_LONGEST_NAME]).lower()
    name = aliases.get(name, name)
    if len(declared) > _LONGEST_NAME or name not in _CHARSETS:
        raise InvalidInput("the declared charset is not known; send UTF-8")
    return name.replace("_", "-")
