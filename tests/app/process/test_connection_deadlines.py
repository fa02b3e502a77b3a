"""How long a connection waits for a head, for the next request, and for a client that reads."""

import asyncio
import json

import pytest

from tests.app.process.connections import CLOSE, GET, HOST, serving

pytestmark = pytest.mark.anyio


async def test_a_head_may_take_so_long_however_it_trickles() -> None:
    async with serving(head_timeout=0.3) as served:
        client = served.client()
        sending = asyncio.create_task(trickle(client, GET + b"X: " + b"a" * 10_000))
        [answer] = [await client.answer()]
        assert answer.status == 408
        assert "within 0.3 s" in json.loads(answer.body)["detail"]
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def trickle(client, data: bytes) -> None:
    for place in range(len(data)):
        await client.send(data[place : place + 1])
        await asyncio.sleep(0.01)


async def test_the_next_head_has_as_long_from_its_first_byte() -> None:
    async with serving(head_timeout=0.2) as served:
        client = served.client()
        await client.send(GET + b"\r\n")
        assert (await client.answer()).status == 200
        await asyncio.sleep(0.5)
        [answer] = await client.ask(b"GET")
        assert answer.status == 408


async def test_a_silent_connection_is_closed_without_an_answer() -> None:
    async with serving(head_timeout=0.1) as served:
        for data in (b"", b"\r\n"):
            assert await served.client().ask(data) == []


@pytest.mark.parametrize("send_timeout", [0.05, 60])
async def test_an_idle_connection_is_closed(send_timeout: float) -> None:
    async with serving(keep_alive=0.2, send_timeout=send_timeout) as served:
        client = served.client()
        assert [answer.status for answer in await client.ask(GET + b"\r\n")] == [200]


async def test_a_request_in_work_has_no_deadline_of_the_connection() -> None:
    async with serving(keep_alive=0.05, head_timeout=0.05, send_timeout=0.05) as served:
        client = served.client()
        await client.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.5)
        served.go.set()
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("size", [300_000, 8_000_000])
async def test_a_client_that_does_not_read_is_cut_off(size: int) -> None:
    """The smaller answer is all in the kernel's buffers."""
    async with serving(send_timeout=0.2) as served:
        client = served.client()
        await client.send(GET.replace(b"/ ", b"/?%d " % size) + b"\r\n")
        await served.until(lambda: len(served.scopes) == 1)
        await served.until(lambda: not served.state.connections)
        with pytest.raises(ConnectionResetError):  # nothing of it is kept in the kernel
            await client.everything()


@pytest.mark.slow
async def test_a_client_that_reads_slowly_is_not() -> None:
    async with serving(send_timeout=0.6) as served:
        client = served.client()
        await client.send(GET.replace(b"/ ", b"/?%d " % 8_000_000) + CLOSE)
        got = resting = 0
        while more := await client.read(2**20):
            got += len(more)
            if got - resting > 400_000:  # more than 64 KiB, several times in each interval
                resting = got
                await asyncio.sleep(0.1)
        assert got > 8_000_000
