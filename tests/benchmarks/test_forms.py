"""What is sent to servers, and what is read of their answers."""

from email import message_from_bytes

import pytest

from benchmarks.forms import answered, multipart


def test_a_multipart_body_is_one_file() -> None:
    sent = multipart("http://127.0.0.1", "image/jpeg", (b"\xff\xd8bytes",))
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + sent.bodies[0]).get_payload()
    assert part.get_payload(decode=True) == b"\xff\xd8bytes"
    assert (part.get_content_type(), part.get_filename()) == ("image/jpeg", "file")


@pytest.mark.parametrize(
    "body",
    [
        b'{"label": "7", "probability": 0.5}',
        b'{"predictions": [{"label": "7", "probability": 0.5}]}',
        b'{"outputs": []}\x23\0\0\0{"label": "7", "probability": 0.5}',
        b'{"outputs": [{"data": ["{\\"label\\": \\"7\\", \\"probability\\": 0.5}"]}]}',
    ],
)
def test_every_servers_answer_is_understood(body: bytes) -> None:
    assert answered(body) == ("7", 0.5)
