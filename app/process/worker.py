"""One worker: uvicorn, serving connections that another process has accepted."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from app.process.connection import Connection
from app.process.server import Server
from app.process.supervisor import ALL_READY, OVER, READY, TAKE

_POLL = 0.01  # seconds between looks whether the models are loaded


class Worker:
    """Serves `config`'s application on what arrives through `channel`."""

    def __init__(self, config: uvicorn.Config, channel: socket.socket) -> None:
        self._server = Server(config)
        self._config = config
        self._channel = channel
        self._tasks: set[asyncio.Task[Any]] = set()
        self.all_ready = False  # this worker and all the others

    async def run(self, ready: Callable[[], bool]) -> None:
        """Serve until told to stop; `ready()` says whether the models are loaded."""
        self._channel.setblocking(False)
        self._keep(self._begin(ready))
        await self._server.serve(sockets=[])

    async def _begin(self, ready: Callable[[], bool]) -> None:
        while not self._server.started:
            await asyncio.sleep(_POLL)
        asyncio.get_running_loop().add_reader(self._channel, self._hear)
        while not ready():
            await asyncio.sleep(_POLL)
        self._channel.send(READY)

    def _hear(self) -> None:
        try:
            said, connections, *_ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return
        except OSError:  # the parent died before it had read what it was told
            said, connections = b"", []
        if said == TAKE:
            self._keep(self._connect(socket.socket(fileno=connections[0])))
        elif said == ALL_READY:
            self.all_ready = True
        else:  # the parent is gone
            asyncio.get_running_loop().remove_reader(self._channel)
            self._server.stop()

    async def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        connection = Connection(self._config, self._server.server_state, {})
        connection.over = self._over
        return connection

    def _over(self) -> None:
        with suppress(OSError):  # the parent is gone, and with it whoever counts
            self._channel.send(OVER)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
