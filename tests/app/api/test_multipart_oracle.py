"""python-multipart's parser as an oracle: if our parser accepts a body, both find equal parts."""

import random

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from app.api.multipart import parse_multipart
from app.errors import MalformedRequest
from tests import media

HEADERS = b'\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
PIECES = [b"--x", b"--x--", b"\r\n--x", b"\r\n--x--", b"\r\n", b"\r", b"\n", b"-", b"--", b"data"]
PIECES += [HEADERS, HEADERS, HEADERS, b"\r\n\r\n", b"x", b"\x00", b"--x\r\n", b"a: b\r\n"]


def oracle(body: bytes) -> list[bytes] | None:
    """Return the data of every part; None if the body is refused or does not end."""
    parts: list[bytearray] = []
    ended: list[bool] = []
    parser = MultipartParser(
        b"x",
        {
            "on_part_begin": lambda: parts.append(bytearray()),
            "on_part_data": lambda data, start, end: parts[-1].extend(data[start:end]),
            "on_end": lambda: ended.append(True),
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except MultipartParseError:
        return None
    return [bytes(part) for part in parts] if ended else None


def ours(body: bytes) -> list[bytes] | None:
    try:
        return [payload.data for payload in parse_multipart(body, "x", 1000)]
    except MalformedRequest:
        return None


def test_valid_multipart_equals_python_multipart() -> None:
    chance = random.Random(1)
    for _ in range(300):
        data = [chance.randbytes(chance.randrange(300)) for _ in range(chance.randrange(5))]
        body, _ = media.multipart(*[("file", part, None) for part in data], boundary="x")
        assert ours(body) == oracle(body) == data


def test_damaged_multipart_equals_python_multipart_or_is_refused() -> None:
    chance, taken = random.Random(2), 0
    for _ in range(20_000):
        body = b"--x" + HEADERS + b"".join(chance.choices(PIECES, k=chance.randrange(9)))
        if (parts := ours(body)) is not None:
            assert parts == oracle(body), body
            taken += 1
    assert taken > 100
