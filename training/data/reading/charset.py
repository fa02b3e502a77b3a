"""The encoding of a table of text: what its bytes say, else a guess, which is said."""

import codecs
from pathlib import Path

from charset_normalizer import from_bytes

from training.errors import BadData


class NoText(BadData):
    """The file is no text in any encoding."""


_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_SAMPLE = 1 << 16  # bytes of lines that are not ASCII
_LATIN = "cp1252"  # a superset of what Western systems wrote


def charset_of(path: Path) -> str:
    """Return the name of Python's codec for the whole file; raise `BadData` for what is no text.

    A byte order mark decides, then whether the file is UTF-8, then where its zeros are (UTF-16),
    then charset-normalizer, by the lines that are not ASCII.
    """
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec
    if _is_utf8(path):
        return "utf-8"
    zeros = [head[i : 2**16 : 2].count(0) for i in (0, 1)]
    if max(zeros) * 4 > len(head[: 2**16]) // 2:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    if sum(zeros):
        raise NoText(f"{path}: expected a table of text, found binary data")
    return _guessed(path)


def _is_utf8(path: Path) -> bool:
    """Return whether the file is UTF-8 without a zero."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                if b"\0" in chunk:
                    return False
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _guessed(path: Path) -> str:
    sample, size = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii() and size < _SAMPLE:
                sample.append(line[:_SAMPLE])
                size += len(line)
    joined = b"".join(sample)
    if _looks_western(joined):
        return _LATIN if _decodes(path, _LATIN) else "latin-1"
    found = from_bytes(joined).best()
    if found is None or not _decodes(path, found.encoding):
        raise BadData(f"{path}: its encoding cannot be found out; save it as UTF-8")
    return found.encoding


def _looks_western(data: bytes) -> bool:
    """Return whether bytes beyond ASCII are such letters, and mostly stand alone, as `é` does."""
    high = [i for i, byte in enumerate(data) if byte > 127]
    alone = sum(data[max(i - 1, 0) : i].isascii() and data[i + 1 : i + 2].isascii() for i in high)
    return 2 * alone > len(high) and sum(_western(data[i]) for i in high) > 0.95 * len(high)


def _western(byte: int) -> bool:
    """Return whether the byte is a common letter or sign of Western Europe in cp1252."""
    return (
        byte >= 0xC0 or bytes((byte,)).decode(_LATIN, "replace") in "€‚„…‘’“”•–—™œŒŠšŽžŸ¡£§©«®°»¿´"
    )


def _decodes(path: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
