import base64
import quopri

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


def part(encoding: str, data: bytes) -> bytes:
    return HEAD + f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data + b"\r\n--x--"


@pytest.mark.parametrize(
    ("encoding", "sent", "data"),
    [
        ("base64", base64.encodebytes(bytes(range(256))), bytes(range(256))),
        ("Base64", b" eA \r\n ==", b"x"),
        ("base64", b"eA", b"x"),
        ("quoted-printable", quopri.encodestring(bytes(range(256)) * 3), bytes(range(256)) * 3),
        ("quoted-printable", b"t=C3=A4glich = \r\ngut  \r\n=3d", "täglich gut\r\n=".encode()),
        ("quoted-printable", b"", b""),
        ("7bit", b"a=b", b"a=b"),
        ("8bit", b"\xff", b"\xff"),
        ("binary", bytes(9), bytes(9)),
    ],
)
def test_the_transfer_encoding_of_a_part_is_decoded(encoding, sent: bytes, data: bytes) -> None:
    assert parse_multipart(part(encoding, sent), "x", 9)[0].data == data


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("base64", b"!"),
        ("base64", b"eA==eA=="),
        ("base64", "ä".encode()),
        ("quoted-printable", b"=GG"),
        ("quoted-printable", b"= x"),
        ("quoted-printable", b"\xc3\xa4"),
        ("gzip", b"a"),
        ("x-uuencode", b"a"),
        ("base64, base64", b"eA=="),
    ],
)
def test_a_part_in_another_or_a_damaged_encoding_is_refused(encoding: str, sent: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_multipart(part(encoding, sent), "x", 9)


@pytest.mark.parametrize(
    "field",
    [b"Content-Encoding: gzip", b"Content-Disposition: form-data; name=text"],
)
def test_a_part_whose_fields_leave_doubt_is_refused(field: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_multipart(HEAD + field + b"\r\n\r\ndata\r\n--x--\r\n", "x", 9)
    with pytest.raises(MalformedRequest):
        twice = b"Content-Type: a/b\r\nContent-Type: text/plain\r\n"
        parse_multipart(HEAD + twice + b"\r\ndata\r\n--x--\r\n", "x", 9)


@pytest.mark.parametrize("piece", [b"=3D", b"   ", b" \t", b"=\r\n", b"= ", b"=  \n"])
def test_hostile_quoted_printable_takes_linear_time(piece: bytes) -> None:
    sent = piece * (300_000 // len(piece)) + b"."
    try:
        parse_multipart(part("quoted-printable", sent), "x", 9)
    except MalformedRequest:
        assert piece == b"= "


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
