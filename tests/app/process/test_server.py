"""uvicorn's server, sleeping: it hears at once what it must hear at once."""

import asyncio
import socket
from email.utils import parsedate_to_datetime

import httpx
import pytest
import uvicorn

from app.process.server import Server

pytestmark = pytest.mark.anyio


async def application(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


async def started(listener: socket.socket) -> tuple[Server, asyncio.Task]:
    server = Server(uvicorn.Config(application, log_config=None, lifespan="off"))
    running = asyncio.create_task(server._serve([listener]))  # without taking over the signals
    while not server.started:
        await asyncio.sleep(0.01)
    return server, running


async def date(listener: socket.socket) -> float:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    return parsedate_to_datetime(answer.headers["date"]).timestamp()


async def test_the_date_moves_on(listener: socket.socket) -> None:
    server, running = await started(listener)
    first = await date(listener)
    while await date(listener) == first:
        await asyncio.sleep(0.1)
    server.stop()
    await running


@pytest.mark.parametrize("way", ["told", "by a signal", "by a signal before it began"])
async def test_it_ends_when_told(
    listener: socket.socket, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.process.server.REST", 3600)
    if way == "by a signal before it began":
        server = Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        server.handle_exit(15, None)
        await server._serve([listener])
        return
    server, running = await started(listener)
    if way == "told":
        server.stop()
    else:
        server.handle_exit(15, None)
    async with asyncio.timeout(60):
        await running
