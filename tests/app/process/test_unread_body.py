"""What comes of a connection whose request was answered before its body was read."""

import pytest

from app.process import connection
from tests.app.process.connections import CHUNKED, GET, POST, serving

pytestmark = pytest.mark.anyio


async def test_the_rest_of_a_small_body_is_discarded_and_the_connection_kept() -> None:
    async with serving() as served:
        client = served.client()
        early = POST.replace(b"/ ", b"/early ") + b"Content-Length: 1000000\r\n\r\n"
        await client.send(early)
        assert (await client.answer()).status == 200
        await client.send(b"x" * 1_000_000 + GET + b"\r\n")
        assert (await client.answer()).status == 200
        assert len(served.scopes) == 2


async def test_the_rest_of_a_large_body_ends_the_connection(monkeypatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.2)
    async with serving() as served:
        client = served.client()
        await client.send(CHUNKED.replace(b"/ ", b"/early ") + b"\r\n")
        assert (await client.answer()).status == 200
        chunk = b"%x\r\n%s\r\n" % (2**20, bytes(2**20))
        with pytest.raises(OSError):
            for _ in range(100):
                await client.send(chunk)


async def test_the_rest_of_a_body_that_never_comes_ends_the_connection(monkeypatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.1)
    async with serving() as served:
        data = POST.replace(b"/ ", b"/early ") + b"Content-Length: 10\r\n\r\n"
        assert [answer.status for answer in await served.client().ask(data)] == [200]


async def test_a_client_that_is_still_sending_can_read_why_it_was_refused() -> None:
    async with serving(max_body=1000) as served:
        client = served.client()
        await client.send(POST + b"Content-Length: 1500000\r\n\r\n")
        await client.send(b"x" * 1_500_000)
        [answer] = await client.ask(b"")
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert served.bodies == []


async def test_a_body_that_was_not_asked_for_is_not_waited_for() -> None:
    """The client has not been sent `100 Continue`, and may send a body or not."""
    async with serving() as served:
        early = POST.replace(b"/ ", b"/early ")
        data = early + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        assert [answer.status for answer in await served.client().ask(data)] == [200]
