"""Compressed request bodies, through the whole stack."""

import asyncio
import gzip
import tracemalloc
import zlib

import httpx
import pytest

from app.api import content_coding
from app.api.content_coding import DecodedBody
from app.errors import TooLarge
from tests.app.api.test_edge import Exchange
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/moods/classify"
MAIL = b"good good bad " * 40
RAW = zlib.compressobj(wbits=-15)
BODIES = {
    "gzip": ("gzip", gzip.compress(MAIL)),
    "capitals": ("GZip", gzip.compress(MAIL)),
    "x-gzip": ("x-gzip", gzip.compress(MAIL)),
    "beside identity": ("identity, gzip", gzip.compress(MAIL)),
    "two members": ("gzip", gzip.compress(MAIL[:50]) + gzip.compress(MAIL[50:])),
    "padding": ("gzip", gzip.compress(MAIL) + bytes(100)),
    "deflate": ("deflate", zlib.compress(MAIL)),
    "raw deflate": ("deflate", RAW.compress(MAIL) + RAW.flush()),
    "identity": ("identity", MAIL),
    "empty": ("", MAIL),
}
DAMAGED = {
    "not gzip": ("gzip", MAIL),
    "truncated": ("gzip", gzip.compress(MAIL)[:-9]),
    "without its checksum": ("gzip", gzip.compress(MAIL)[:-8]),
    "wrong checksum": ("gzip", gzip.compress(MAIL)[:-8] + bytes(8)),
    "followed by other bytes": ("gzip", gzip.compress(MAIL) + b"more"),
    "nothing": ("gzip", b""),
    "one byte": ("deflate", b"x"),
    "deflate twice": ("deflate", zlib.compress(MAIL) + zlib.compress(MAIL)),
    "too many members": ("gzip", gzip.compress(b"") * (content_coding.MAX_MEMBERS + 1)),
}


async def ask(client: httpx.AsyncClient, coding: str, body: bytes) -> httpx.Response:
    headers = {"Content-Type": "text/plain; charset=iso-8859-1", "Content-Encoding": coding}
    return await client.post(PATH, content=body, headers=headers)


@pytest.mark.parametrize(("coding", "body"), BODIES.values(), ids=BODIES)
async def test_a_compressed_body_is_answered_as_the_plain_one(service, coding, body) -> None:
    plain = await service.post(PATH, content=MAIL, headers={"Content-Type": "text/plain"})
    answer = await ask(service, coding, body)
    assert (answer.status_code, answer.content) == (200, plain.content)


@pytest.mark.parametrize(("coding", "body"), DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_body_is_400(service, coding: str, body: bytes) -> None:
    answer = await ask(service, coding, body)
    assert answer.status_code == 400, answer.text
    assert coding in answer.json()["detail"]


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "aws-chunked", "*"]
)
async def test_another_coding_is_415_before_the_body_is_read(service, coding: str) -> None:
    exchange = Exchange(service.app, headers=[(b"content-encoding", coding.encode())])
    assert await exchange.status() == 415
    assert exchange.header(b"accept-encoding") == b"gzip, deflate"
    assert exchange.reads == 0


async def test_two_fields_are_two_codings(service) -> None:
    headers = [(b"content-encoding", b"gzip")] * 2
    assert await Exchange(service.app, headers=headers).status() == 415


async def test_json_and_completions_may_be_compressed(service) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"instances": ["good"]}')
    assert (await service.post(PATH, content=body, headers=headers)).status_code == 200


async def test_decompressed_size_counts_against_both_limits(published) -> None:
    async with open_service(published, max_body=100_000, max_bytes=150_000) as client:
        assert (await ask(client, "gzip", gzip.compress(bytes(99_000)))).status_code != 413
        assert (await ask(client, "gzip", gzip.compress(bytes(101_000)))).status_code == 413
        first = Exchange(client.app, headers=[(b"content-encoding", b"gzip")])
        first.arrives(gzip.compress(b"good".ljust(90_000))[:-8], more=True)
        await asyncio.sleep(0.01)
        assert (await ask(client, "gzip", gzip.compress(bytes(90_000)))).status_code == 503
        first.leaves()
        assert await first.status() == 499


@pytest.mark.slow
async def test_a_bomb_costs_no_memory() -> None:
    bomb = zlib.compress(bytes(2**28))

    async def receive() -> dict:
        return {"type": "http.request", "body": bomb, "more_body": False}

    body, size, largest = DecodedBody(receive, "deflate", 2**20), 0, 2**24
    tracemalloc.start()
    while size < largest:
        size += len((await body.receive())["body"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * content_coding.PIECE


async def test_bytes_that_decompress_to_nothing_are_bounded() -> None:
    empty_blocks = zlib.compressobj(wbits=-15)
    block = empty_blocks.flush(zlib.Z_FULL_FLUSH) or b"\x00\x00\x00\xff\xff"

    async def receive() -> dict:
        return {"type": "http.request", "body": block * 1000, "more_body": True}

    body = DecodedBody(receive, "deflate", 2**20)
    with pytest.raises(TooLarge):
        for _ in range(2**20):
            await body.receive()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_where_the_parts_end_does_not_matter(service, coding: str) -> None:
    body = gzip.compress(MAIL) * 2 if coding == "gzip" else zlib.compress(MAIL * 2)
    exchange = Exchange(service.app, headers=[(b"content-encoding", coding.encode())])
    for place in range(len(body)):
        exchange.arrives(body[place : place + 1], more=True)
    exchange.arrives()
    assert await exchange.status() == 200
