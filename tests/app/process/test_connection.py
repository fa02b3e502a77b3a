"""Real connections over loopback: what is refused, in which order, and which are closed."""

import asyncio
import json
import socket
import struct

import pytest

from app.process import connection
from tests.app.process.connections import CHUNKED, CLOSE, GET, HOST, POST, serving

pytestmark = pytest.mark.anyio
REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00" + bytes(200), 400),
    "no address": (b"GET\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2 without its preface": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (GET + HOST + b"\r\n", 400),
    "two Hosts of HTTP/1.0": (b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400),
    "an empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a Host that is none": (b"GET / HTTP/1.1\r\nHost: a/?#@\r\n\r\n", 400),
    "two Hosts in one": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    "two types": (POST + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "a length and chunks": (CHUNKED + b"Content-Length: 1\r\n\r\n0\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "a coding before chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked twice": (CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks of HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a folded line": (GET + b"X: a\r\n b\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "NUL in a field": (GET + b"X: a\0b\r\n\r\n", 400),
    "no colon": (GET + b"foo\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a chunk that is none": (CHUNKED + b"\r\n-1\r\n\r\n", 400),
    "a chunk too large": (CHUNKED + b"\r\nfffffffffffffffff\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "an endless address": (b"GET /" + b"a" * 400_000, 414),
    "many fields": (GET + b"X: 1\r\n" * 100 + b"\r\n", 431),
    "a long field": (GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    "an endless field": (GET + b"X: " + b"a" * 400_000, 431),
    "an endless extension": (CHUNKED + b"\r\n1;" + b"a" * 900_000, 431),
    "endless trailers": (CHUNKED + b"\r\n1\r\nx\r\n0\r\nX: " + b"a" * 900_000, 431),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
async def test_invalid_http_is_answered_with_a_problem(data: bytes, status: int) -> None:
    async with serving() as served:
        [answer] = await served.client().ask(data)
        problem = json.loads(answer.body)
        assert (answer.status, problem["status"]) == (status, status), answer
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == problem["request_id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["connection"] == "close"
        assert "aaa" not in problem["detail"]
        assert served.bodies == []


async def test_an_unknown_method_is_answered_in_the_form_of_its_address() -> None:
    for start, members in (
        (b"FOO /v2/models/a/infer HTTP/1.1\r\n", {"error", "detail"}),
        (b"\r\nget /hf/a?b HTTP/1.1\r\n", {"error", "error_type"}),
    ):
        async with serving() as served:
            [answer] = await served.client().ask(start + HOST + b"\r\n")
            assert answer.status == 400 and members <= set(json.loads(answer.body))
            assert answer.headers["content-type"] == "application/json"
    async with serving() as served:
        first, second = await served.client().ask(GET + b"\r\nFOO /v2 HTTP/1.1\r\n\r\n")
        assert (first.status, second.status) == (200, 400)
        assert second.headers["content-type"] == "application/problem+json", "it is not known"


@pytest.mark.parametrize("data", [b"\r\n" * 150_000, b"F" * 300_000, b"FOO /" + b"a" * 300_000])
async def test_a_long_unknown_method_is_refused_quickly(data: bytes) -> None:
    async with serving() as served:
        answers = await served.client().ask(data + b" FOO /v2 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert [answer.status for answer in answers] in ([400], [414], [431])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\r\n\r\n" + GET + CLOSE,
        GET + b"X: 1\r\n" * 98 + CLOSE,
        GET + b"X: " + b"a" * 30_000 + b"\r\n" + CLOSE,
        b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n" + CLOSE,
        b"GET / HTTP/1.1\r\nHost: my_container.local:80\r\n" + CLOSE,
        POST + b"Transfer-Encoding: Chunked\r\n" + CLOSE + b"2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n",
        POST + b"Content-Length: 300000\r\n" + CLOSE + b"x" * 300_000,
    ],
)
async def test_unusual_valid_http_is_answered(data: bytes) -> None:
    async with serving() as served:
        assert [answer.status for answer in await served.client().ask(data)] == [200]


async def test_a_refusal_comes_after_the_answers_to_earlier_requests() -> None:
    async with serving() as served:
        client = served.client()
        await client.send(GET.replace(b"/ ", b"/wait ") + b"\r\n" + GET + b"\r\n" + b"garbage")
        await served.until(lambda: len(served.scopes) == 1)
        served.go.set()
        assert [answer.status for answer in await client.ask(b"more")] == [200, 200, 400]


async def test_trailers_are_no_header_fields() -> None:
    async with serving() as served:
        data = CHUNKED + CLOSE + b"2\r\nok\r\n0\r\nX-Request-Id: mine\r\n\r\n"
        [answer] = await served.client().ask(data)
        assert answer.headers["x-request-id"] != "mine"
        assert b"x-request-id" not in dict(served.scopes[0]["headers"])
        assert served.bodies == [b"ok"]


async def test_a_client_that_pipelines_too_much_must_connect_again() -> None:
    async with serving() as served:
        answers = await served.client().ask((GET + b"\r\n") * 500)
        assert len(answers) == connection.MAX_PIPELINED + 1
        assert [answer.status for answer in answers if answer.status != 200] == []
        closing = [answer.headers.get("connection") == "close" for answer in answers]
        assert closing == [False] * connection.MAX_PIPELINED + [True]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_body_of_a_request_that_offers_an_upgrade_is_its_body(
    protocol: bytes, apart: bool, chunked: bool
) -> None:
    """It is not parsed as a request, whatever it looks like."""
    body = GET + CLOSE
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    head = POST + framing + b"\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    async with serving() as served:
        client = served.client()
        await client.send(head if apart else head + sent)
        if apart:
            await served.until(lambda: len(served.scopes) == 1)
            await client.send(sent)
        assert (await client.answer()).status == 200
        assert [each.status for each in await client.ask(GET + CLOSE)] == [200]
        assert served.bodies == [body, b""]


async def test_an_upgrade_is_ignored() -> None:
    async with serving() as served:
        upgrade = GET + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        answers = await served.client().ask(upgrade + GET + CLOSE)
        assert [answer.status for answer in answers] == [200, 200]


async def test_a_connection_that_waits_makes_room_for_a_new_one() -> None:
    async with serving(connections=2) as served:
        kept, half = served.client(), served.client()
        await kept.send(GET + b"\r\n")
        assert (await kept.answer()).status == 200
        await half.send(b"GET / HT")
        await asyncio.sleep(0.1)  # one that waits for a moment only is spared
        busy = [served.client() for _ in range(2)]
        for client in busy:
            await client.send(b"GET /wait HTTP/1.1\r\n" + HOST + CLOSE)
        assert await kept.read() == await half.read() == b""
        refused = served.client()
        [answer] = await refused.ask(GET + b"\r\n")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        refused.socket.close()
        served.go.set()
        assert [(await client.answer()).status for client in busy] == [200, 200]
        await served.until(lambda: not served.state.connections)
        assert [answer.status for answer in await served.client().ask(GET + CLOSE)] == [200]


async def test_answers_of_a_worker_that_stops_close_their_connections() -> None:
    async with serving() as served:
        client = served.client()
        await client.send(GET + b"\r\n")
        assert "connection" not in (await client.answer()).headers
        served.open_connections.stopping = True
        [answer] = await client.ask(GET + b"\r\n")
        assert answer.headers["connection"] == "close"


async def test_a_connection_that_was_reset_is_forgotten() -> None:
    async with serving() as served:
        for data in (b"", b"GET", GET + b"\r\n", POST + b"Content-Length: 10\r\n\r\nx"):
            client = served.client()
            await client.send(data)
            await served.until(lambda: bool(served.state.connections))
            linger = struct.pack("ii", 1, 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.socket.close()
            await served.until(lambda: not served.state.connections)
