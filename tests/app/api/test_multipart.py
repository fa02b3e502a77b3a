import pytest

from app.api.multipart import MAX_HEADER, MAX_HEADERS, parse_multipart
from app.errors import MalformedRequest, TooLarge
from app.modalities import Payload
from tests import media

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"\r\n'


def test_multipart_keeps_the_order_of_parts() -> None:
    body, _ = media.multipart(
        ("text", b"one", None),
        ("file", b"\0\r\n--frontie\r\n", "Image/PNG"),
        ("text", b"", "text/html; charset=KOI8-R"),
        boundary="frontier",
    )
    assert parse_multipart(body, "frontier", 9) == [
        Payload(b"one", "text/plain"),
        Payload(b"\0\r\n--frontie\r\n", "image/png"),
        Payload(b"", "text/html", "KOI8-R"),
    ]


def test_multipart_ignores_file_names() -> None:
    body = HEAD[:-2] + b'; filename="../../etc/passwd"\r\n\r\ndata\r\n--x--\r\n'
    assert parse_multipart(body, "x", 9) == [Payload(b"data", "application/octet-stream")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b"--x",
        b"--x\r\n",
        b"--y\r\n\r\n\r\n--y--",
        HEAD,
        HEAD + b"\r\ndata",
        HEAD + b"\r\ndata\r\n--x",
        HEAD + b"\r\ndata\r\n--x\r\n",
        HEAD[:-2] + b"\x00\r\n\r\ndata",
        b"--x\r\nno colon\r\n\r\ndata\r\n--x--\r\n",
        b"--x\r\n: no name\r\n\r\ndata\r\n--x--\r\n",
        b"--x\r\n\r\nno headers\r\n--x--\r\n",
        b"--x\r\nContent-Type: text/plain\r\n\r\nno name\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\ndata\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="FILE"\r\n\r\ndata\r\n--x--\r\n',
        b"--x\r\nContent-Disposition: form-data; name*=utf-8''file\r\n\r\ndata\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: \xff\xfe\r\n\r\ndata\r\n--x--\r\n",
        HEAD + b"a: b\r\n" * MAX_HEADERS + b"\r\ndata\r\n--x--\r\n",
        HEAD + b"a: " + b"b" * (MAX_HEADER + 1) + b"\r\n\r\ndata\r\n--x--\r\n",
        HEAD + b"a" * (MAX_HEADER + 1) + b": b\r\n\r\ndata\r\n--x--\r\n",
    ],
)
def test_damaged_multipart_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_multipart(body, "x", 9)


@pytest.mark.parametrize("boundary", ["", "ü€", "x" * 1000, "\r\n", "--x"])
def test_multipart_with_another_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_multipart(HEAD + b"\r\ndata\r\n--x--\r\n", boundary, 9)


def test_too_many_parts_are_refused() -> None:
    parts = [("text", b"a", None)] * 10
    assert len(parse_multipart(media.multipart(*parts)[0], "frontier", 10)) == 10
    with pytest.raises(TooLarge, match="at most 9 parts"):
        parse_multipart(media.multipart(*parts)[0], "frontier", 9)


@pytest.mark.parametrize("piece", [b"\r", b"\r\n", b"\r\n--", b"--x", b"\r\n-", b"-", b"\r\n--y"])
def test_multipart_with_hostile_data_takes_linear_time(piece: bytes) -> None:
    data = piece * (1_000_000 // len(piece)) + b"."
    body = HEAD + b"\r\n" + data + b"\r\n--x--\r\n"
    assert parse_multipart(body, "x", 9)[0].data == data
