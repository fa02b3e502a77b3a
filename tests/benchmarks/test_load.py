"""What is read from wrk, and what is sent by it."""

from email import message_from_bytes

import pytest

from benchmarks.load import multipart, parse

PRINTED = """Running 2s test @ http://127.0.0.1:1/
  2 threads and 32 connections
Requests/sec:   1234.00

{"requests": 2468, "seconds": 2.0, "p50": 0.01, "p99": 0.03, "worst": 0.1, "errors": 1}
"""


def test_the_figures_are_the_last_line() -> None:
    load = parse(PRINTED)
    assert load.rate == pytest.approx(1234)
    assert (load.p50, load.p99, load.worst, load.errors) == (0.01, 0.03, 0.1, 1)


def test_a_multipart_body_is_one_file() -> None:
    content_type, (body,) = multipart((b"\xff\xd8bytes",), "image/jpeg")
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    (part,) = message.get_payload()
    assert part.get_payload(decode=True) == b"\xff\xd8bytes"
    assert (part.get_content_type(), part.get_filename()) == ("image/jpeg", "file")
