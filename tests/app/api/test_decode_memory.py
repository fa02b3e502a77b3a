"""The budget of memory for decoding, and a lack of resources, over HTTP."""

import asyncio
import threading
from dataclasses import replace

import pytest

from app.modalities import IMAGE, MODALITIES
from app.modalities.image import ImageEncoder
from tests import headers
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


@pytest.mark.parametrize(
    "data",
    [
        headers.png(2**31 - 1, 2**31 - 1),
        headers.png(8001, 8000),
        headers.webp(2**24, 2**24),
        headers.jpeg(9000, 9000, progressive=True),
        headers.tiff(70_000, 70_000),
    ],
    ids=["PNG", "PNG a little over", "WebP", "JPEG", "TIFF"],
)
async def test_too_many_pixels_are_refused_in_pixels_and_not_in_bytes(
    data: bytes, published
) -> None:
    async with open_service(published, max_decode_bytes=2**23) as client:
        answer = await client.post(URL, content=data, headers=PNG)
    assert answer.status_code == 422
    assert "expected at most 64 megapixels" in answer.json()["detail"]


async def test_segments_before_a_jpeg_take_no_memory(published) -> None:
    """A thousand of them were refused with the bytes of the largest picture that may follow."""
    plain = picture((64, 64), encode=("JPEG",))
    async with open_service(published, max_decode_bytes=2**23) as client:
        for before in (b"\xff\xfe\0\2" * 1000, b"\xff" * 1000):
            odd = plain[:2] + before + plain[2:]
            answers = [await client.post(URL, content=d, headers=PNG) for d in (plain, odd)]
            assert answers[0].json() == answers[1].json()
            assert answers[0].status_code == 200
        damaged = plain[:2] + b"\xff\xfe\0\0" + plain[2:]
        answer = await client.post(URL, content=damaged, headers=PNG)
    assert (answer.status_code, "damaged" in answer.json()["detail"]) == (422, True)


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
