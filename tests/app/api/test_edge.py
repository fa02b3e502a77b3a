"""Admission limits, tested with ASGI messages where an HTTP client cannot misbehave."""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import replace

import httpx
import pytest

from app.modalities import MODALITIES
from app.modalities.text import TEXT as TEXTS
from app.modalities.text.encoder import TextEncoder
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/moods/classify"
TEXT = {"Content-Type": "text/plain"}


class Exchange:
    """One request over ASGI; the test decides when and whether its body arrives."""

    def __init__(
        self,
        app,
        media_type: bytes = b"text/plain",
        headers: Iterable[tuple[bytes, bytes]] = (),
        method: str = "POST",
    ) -> None:
        self.messages: asyncio.Queue = asyncio.Queue()
        self.sent: list[dict] = []
        self.reads = 0
        self.state: dict = {}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": PATH,
            "raw_path": PATH.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"content-type", media_type), *headers],
            "client": ("test", 1),
            "server": ("test", 80),
            "state": self.state,
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict:
        self.reads += 1
        return await self.messages.get()

    async def _send(self, message: dict) -> None:
        self.sent.append(message)

    def arrives(self, body: bytes = b"", more: bool = False) -> None:
        self.messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leaves(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        await self.task
        return self.sent[0]["status"]

    def header(self, name: bytes) -> bytes | None:
        return dict(self.sent[0]["headers"]).get(name)


class Gate:
    """A text encoder that waits for an event; it counts the items that it has encoded."""

    def __enter__(self):
        gate = self
        self.go, self.started, self.count = threading.Event(), threading.Semaphore(0), 0

        class Waiting(TextEncoder):
            def cost(self, payload):
                return 0.01  # so much is not done on the event loop

            def encode(self, payload):
                if payload.data == b"wait":
                    gate.count += 1
                    gate.started.release()
                    assert gate.go.wait(20)
                return super().encode(payload)

        self.modalities = {**MODALITIES, "text": replace(TEXTS, encoder=Waiting)}
        return self

    def __exit__(self, *_) -> None:
        self.go.set()

    async def entered(self) -> None:
        assert await asyncio.to_thread(self.started.acquire, timeout=20)


@pytest.fixture(scope="module")
async def small(anyio_backend, published):
    async with open_service(published, max_body=1024, max_items=3, receive_timeout=0.05) as client:
        yield client


@pytest.mark.parametrize(
    "declared", [b"1025", b"0001025", b"9" * 20, b"9" * 5000, b"0" * 5000 + b"99999"]
)
async def test_declared_oversized_body_is_refused_unread(small, declared: bytes) -> None:
    exchange = Exchange(small.app, headers=[(b"content-length", declared)])
    assert await exchange.status() == 413
    assert exchange.reads == 0
    assert exchange.header(b"connection") == b"close"


@pytest.mark.parametrize("declared", [b"", b"-1", b"x", b"\xb2", b"4", b"0", b"1024", b"\xff"])
async def test_odd_content_length_is_no_failure(small, declared: bytes) -> None:
    exchange = Exchange(small.app, headers=[(b"content-length", declared)])
    exchange.arrives(b"good")
    assert await exchange.status() == 200


async def test_body_of_the_maximum_size_is_read(small) -> None:
    for size, status in ((1024, 200), (1025, 413)):
        response = await small.post(PATH, content=b"good".ljust(size), headers=TEXT)
        assert response.status_code == status


async def test_chunked_body_is_counted_as_it_arrives(small) -> None:
    exchange = Exchange(small.app, headers=[(b"content-length", b"4")])
    for _ in range(100):
        exchange.arrives(b"good" * 64, more=True)
    assert await exchange.status() == 413
    assert exchange.reads == 5
    assert exchange.header(b"connection") == b"close"


async def test_chunked_body_is_joined(small) -> None:
    exchange = Exchange(small.app)
    for piece in (b"the ", b"", b"day is go", b"od"):
        exchange.arrives(piece, more=True)
    exchange.arrives()
    assert await exchange.status() == 200
    whole = await small.post(PATH, content=b"the day is good", headers=TEXT)
    assert exchange.sent[1]["body"] == whole.content


@pytest.mark.parametrize("started", [False, True])
async def test_endless_body_times_out(small, started: bool) -> None:
    exchange = Exchange(small.app)
    if started:
        exchange.arrives(b"good", more=True)
    assert await exchange.status() == 408
    assert exchange.header(b"connection") == b"close"


async def test_too_many_items_are_refused(small) -> None:
    response = await small.post(PATH, json={"instances": ["good"] * 4})
    assert response.status_code == 413
    assert (await small.post(PATH, json={"instances": ["good"] * 3})).status_code == 200


async def test_disconnect_before_the_end_of_the_body_is_499(small) -> None:
    exchange = Exchange(small.app)
    exchange.arrives(b"good", more=True)
    exchange.leaves()
    await asyncio.gather(exchange.task, return_exceptions=True)
    assert (await small.post(PATH, content=b"good", headers=TEXT)).status_code == 200


async def test_disconnect_cancels_the_work(published) -> None:
    with Gate() as gate:
        async with open_service(published, modalities=gate.modalities) as client:
            exchange = Exchange(client.app, b"multipart/form-data; boundary=x")
            part = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nwait\r\n'
            exchange.arrives(part * 20 + b"--x--\r\n")
            await gate.entered()
            exchange.leaves()
            assert await exchange.status() == 499
            gate.go.set()
            assert (await client.post(PATH, content=b"good", headers=TEXT)).status_code == 200
    assert gate.count == 1, "the other nineteen were not touched"


async def test_requests_in_flight_are_limited_but_probes_are_answered(published) -> None:
    with Gate() as gate:
        async with open_service(published, modalities=gate.modalities, max_requests=2) as client:
            waiting = [
                asyncio.create_task(client.post(PATH, content=b"wait", headers=TEXT))
                for _ in range(2)
            ]
            await gate.entered()
            exchange = Exchange(client.app)
            assert await exchange.status() == 503
            assert exchange.reads == 0, "refused before a byte of the body"
            assert exchange.header(b"retry-after") == b"1"
            for path in ("/livez", "/readyz", "/metrics"):
                assert (await client.get(path)).status_code == 200
            for path in ("/v1/models", "/docs", "/openapi.json", "/nothing"):
                assert (await client.get(path)).status_code == 503
            gate.go.set()
            assert [(await task).status_code for task in waiting] == [200, 200]
            after = await client.post(PATH, content=b"good", headers=TEXT)
            assert after.status_code == 200, "there is room again"


async def test_a_full_queue_is_503(published) -> None:
    async with open_service(published, max_queue=1) as client:
        response = await client.post(PATH, json={"instances": ["good", "bad"]})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"


async def test_the_deadline_is_504(published) -> None:
    with Gate() as gate:
        async with open_service(published, deadline=0.02, modalities=gate.modalities) as client:
            response = await client.post(PATH, content=b"wait", headers=TEXT)
            gate.go.set()  # the service ends only when its encoder does
            assert response.status_code == 504
            assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("given", ["a", "A-1_b.c", "x" * 64])
async def test_given_request_id_is_returned(service, given: str) -> None:
    response = await service.get("/livez", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 65, "a b", "<a>", "é".encode(), "a\tb"])
async def test_invalid_request_id_is_replaced(service, given) -> None:
    ids = {
        (await service.get("/livez", headers={"X-Request-ID": given})).headers["x-request-id"]
        for _ in range(2)
    }
    assert len(ids) == 2
    assert all(len(made) == 32 and made.isalnum() for made in ids)


async def test_every_answer_has_nosniff(service: httpx.AsyncClient) -> None:
    for path in ("/livez", "/nothing", "/docs"):
        response = await service.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_bytes_in_flight_are_limited(published) -> None:
    async with open_service(published, max_body=2000, max_bytes=2500) as client:
        first = Exchange(client.app)
        first.arrives(b"good".ljust(1500), more=True)
        await asyncio.sleep(0.01)
        declared = Exchange(client.app, headers=[(b"content-length", b"1500")])
        assert await declared.status() == 503, "refused unread"
        assert declared.header(b"retry-after") == b"1"
        assert declared.reads == 0
        undeclared = Exchange(client.app)
        undeclared.arrives(b"good".ljust(1500))
        assert await undeclared.status() == 503
        first.arrives()
        assert await first.status() == 200
        again = Exchange(client.app, headers=[(b"content-length", b"1500")])
        again.arrives(b"good".ljust(1500))
        assert await again.status() == 200, "there is room again"
