"""A server of the service's own connections on loopback, and a client that may misbehave."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn

from app.api.edge import AdmissionLimits, Edge
from app.in_flight import InFlight
from app.metrics import Metrics
from app.process.connection import Connection
from app.process.open_connections import ConnectionLimits, OpenConnections

PATIENT = 60.0  # seconds; no test waits so long
GUARD = 20.0  # seconds after which a test has hung
HOST = b"Host: here\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n\r\n"


@dataclass
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


def answers_in(data: bytes) -> list[Answer]:
    """Parse answers that have a Content-Length each."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(re.split(r":\s*", line.lower(), maxsplit=1) for line in lines)
        size = int(headers.get("content-length", 0))
        found.append(Answer(int(first.split()[1]), headers, data[:size]))
        data = data[size:]
    return found


class Client:
    """A socket of the test; the kernel's buffers for it are small."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.socket.setblocking(False)

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(GUARD):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def read(self, size: int = 2**16) -> bytes:
        async with asyncio.timeout(GUARD):
            return await asyncio.get_running_loop().sock_recv(self.socket, size)

    async def answer(self) -> Answer:
        """Read until one answer is complete."""
        data = b""
        while True:
            more = await self.read()
            assert more, "closed without an answer"
            data += more
            head, end, body = data.partition(b"\r\n\r\n")
            if end and len(body) >= int(re.search(rb"content-length: (\d+)", head)[1]):
                return answers_in(data)[0]

    async def everything(self) -> bytes:
        """Read until the server closes the connection."""
        data = b""
        while more := await self.read():
            data += more
        return data

    async def ask(self, data: bytes) -> list[Answer]:
        """Send and read until the server closes."""
        await self.send(data)
        return answers_in(await self.everything())


@dataclass
class Served:
    """A server, and what its application has seen."""

    address: tuple[str, int]
    open_connections: OpenConnections
    state: Any  # uvicorn's
    bodies: list[bytes] = field(default_factory=list)
    scopes: list[dict[str, Any]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        self.clients.append(Client(self.address))
        return self.clients[-1]

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Echo a body; `/early` answers without reading it, `/wait` when the test says so."""
        self.scopes.append(scope)
        if scope["path"] == "/wait":
            await self.go.wait()
        size = int(scope["query_string"] or 2)
        if scope["path"] not in ("/early", "/wait"):
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            self.bodies.append(body)
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * size})

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(max_body: int = 2**24, **limits: float) -> AsyncIterator[Served]:
    """Serve with these limits; those that are not given are never reached."""
    patient = dict.fromkeys(("head_timeout", "keep_alive", "send_timeout"), PATIENT)
    chosen = ConnectionLimits(**(patient | {"tick": 0.02} | limits))
    connections = OpenConnections(chosen)
    served = Served(("", 0), connections, None)
    limits_of_edge = AdmissionLimits(max_body, 2**28, 1000)
    app = Edge(served.app, Metrics(), limits_of_edge, InFlight(), log_all=False)
    config = uvicorn.Config(
        app, http=partial(Connection, connections), ws="none", log_config=None, lifespan="off"
    )
    config.load()
    served.state = uvicorn.Server(config).server_state
    make = partial(config.http_protocol_class, config, served.state, {})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    served.address = server.sockets[0].getsockname()
    try:
        yield served
    finally:
        served.go.set()
        for client in served.clients:
            client.socket.close()
        server.close()
        await served.until(lambda: not served.state.connections and not served.state.tasks)
