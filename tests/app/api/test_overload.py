"""A request that would wait too long is refused before its body is read; others are not."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.modalities import MODALITIES, Encoded, Payload
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/moods/classify"
TEXT = {"Content-Type": "text/plain"}


class Held:
    """A real encoder that waits for `go`."""

    def __init__(self, go: threading.Event, spec, files) -> None:
        self._go, self._real = go, MODALITIES["text"].encoder(spec, files)

    def __getattr__(self, name: str):
        return getattr(self._real, name)

    def encode(self, payload: Payload) -> Encoded:
        assert self._go.wait(20)
        return self._real.encode(payload)


async def test_an_overload_is_refused_before_the_body_is_read(models) -> None:
    go = threading.Event()
    go.set()
    text = replace(MODALITIES["text"], encoder=lambda spec, files: Held(go, spec, files))
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"bad")
        yield b"bad"

    async with open_service(
        models, modalities={**MODALITIES, "text": text}, max_queue_seconds=0.05
    ) as client:
        go.clear()
        first = asyncio.create_task(client.post(PATH, content=b"good", headers=TEXT))
        served = await client.app.state.catalog.find("moods")
        while served.queued_seconds < 0.06:  # it takes longer than such a batch should
            await asyncio.sleep(0.005)
        assert served.queued_items == 0, "it runs, and nothing waits"
        refused = await client.post(PATH, content=body(), headers=TEXT)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "connection" not in refused.headers, "it stays open for the next try"
        assert not read
        other = await client.post(
            "/v1/models/colours/classify", content=b"", headers={"Content-Type": "image/png"}
        )
        assert other.status_code == 422, "another model is not concerned"
        go.set()
        assert (await first).status_code == 200
        assert (await client.post(PATH, content=body(), headers=TEXT)).status_code == 200
        assert read
