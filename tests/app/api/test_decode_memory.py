"""The budget of memory for decoding, and a lack of resources, over HTTP."""

import asyncio
import threading
from dataclasses import replace

import pytest

from app.modalities import IMAGE, MODALITIES
from app.modalities.image import ImageEncoder
from tests.conftest import open_service
from tests.media import b64, picture

pytestmark = pytest.mark.anyio
URL = "/v1/models/colours/classify"
LARGE, SMALL = picture((2600, 2000)), picture()
PNG = {"Content-Type": "image/png"}
BUDGET = 30 * 2**20  # bytes: one large picture at a time


class Gate:
    """An image encoder that waits, for large pictures; it counts how many it encodes at once."""

    def __init__(self) -> None:
        self.go, self.entered = threading.Event(), threading.Semaphore(0)
        self.now, self.most = 0, 0
        gate = self

        class Waiting(ImageEncoder):
            def encode(self, payload):
                if payload.data != LARGE:
                    return super().encode(payload)
                gate.now += 1
                gate.most = max(gate.most, gate.now)
                gate.entered.release()
                assert gate.go.wait(20)
                gate.now -= 1
                return super().encode(payload)

        self.modalities = {**MODALITIES, "image": replace(IMAGE, encoder=Waiting)}


async def test_large_items_take_turns_while_small_ones_are_answered(published) -> None:
    gate = Gate()
    service = open_service(published, modalities=gate.modalities, max_decode_bytes=BUDGET)
    async with service as client:
        body = {"instances": [b64(LARGE)] * 3}
        waiting = [asyncio.create_task(client.post(URL, json=body)) for _ in range(2)]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=20)
        for _ in range(5):
            assert (await client.post(URL, content=SMALL, headers=PNG)).status_code == 200
        gate.go.set()
        assert [(await task).status_code for task in waiting] == [200, 200]
    assert gate.most == 1


async def test_a_request_that_waits_too_long_is_answered_with_when_to_try_again(published) -> None:
    gate = Gate()
    settings = {"max_decode_bytes": BUDGET, "deadline": 1.0}
    async with open_service(published, modalities=gate.modalities, **settings) as client:
        task = asyncio.create_task(client.post(URL, content=LARGE, headers=PNG))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=20)
        late = await client.post(URL, content=LARGE, headers=PNG)
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert "memory" in late.json()["detail"]
        gate.go.set()
        await task
        assert (await client.post(URL, content=LARGE, headers=PNG)).status_code == 200


async def test_an_item_over_the_whole_budget_is_refused(published) -> None:
    async with open_service(published, max_decode_bytes=2**23) as client:
        alone = await client.post(URL, content=LARGE, headers=PNG)
        several = await client.post(URL, json={"instances": [b64(SMALL), b64(LARGE)]})
        assert [alone.status_code, several.status_code] == [413, 413]
        assert "this item" in alone.json()["detail"]
        assert "item 1" in several.json()["detail"]
        assert str(2**23) in alone.json()["detail"]
        assert (await client.post(URL, content=SMALL, headers=PNG)).status_code == 200


async def test_no_memory_is_not_the_clients_fault(published, monkeypatch) -> None:
    def none_left(*_):
        raise MemoryError

    async with open_service(published) as client:
        for name in ("app.modalities.image.encoder.Upright", "app.api.endpoint.parse_body"):
            with monkeypatch.context() as patch:
                patch.setattr(name, none_left)
                answer = await client.post(URL, content=SMALL, headers=PNG)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.post(URL, content=SMALL, headers=PNG)).status_code == 200
