"""One worker: uvicorn, serving connections that the supervisor has accepted."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import uvicorn

from app.process.connection import Connection
from app.process.supervisor import ALL_READY, CLOSED, CONNECTION, READY

_POLL = 0.01  # seconds between looks whether the models are loaded


class Worker:
    """Serves the connections that arrive through `channel`, the socket to the supervisor.

    all_ready: whether this worker and all others have loaded their models.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._tasks: set[asyncio.Task[Any]] = set()
        self.all_ready = False

    async def run(self, config: uvicorn.Config, is_loaded: Callable[[], bool]) -> None:
        """Serve `config`'s application until a signal or the end of the supervisor.

        is_loaded: says whether this worker has loaded its models.
        """
        self._config, self._server = config, uvicorn.Server(config)
        self._channel.setblocking(False)
        self._spawn(self._start(is_loaded))
        await self._server.serve(sockets=[])

    async def _start(self, is_loaded: Callable[[], bool]) -> None:
        while not self._server.started:
            await asyncio.sleep(_POLL)
        asyncio.get_running_loop().add_reader(self._channel, self._on_message)
        while not is_loaded():
            await asyncio.sleep(_POLL)
        self._channel.send(READY)

    def _on_message(self) -> None:
        try:
            message, connections, *_ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return
        except OSError:  # the supervisor died before it had read our messages
            message, connections = b"", []
        if message == CONNECTION:
            self._spawn(self._connect(socket.socket(fileno=connections[0])))
        elif message == ALL_READY:
            self.all_ready = True
        else:  # the supervisor is gone
            asyncio.get_running_loop().remove_reader(self._channel)
            self._server.should_exit = True

    async def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Callable[..., Connection] = self._config.http_protocol_class  # type: ignore[assignment]
        connection = make(config=self._config, server_state=self._server.server_state, app_state={})
        connection.on_close = self._on_close
        return connection

    def _on_close(self) -> None:
        with suppress(OSError):  # the supervisor is gone, and nobody counts connections
            self._channel.send(CLOSED)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task and keep it until it is done: the event loop holds no reference to it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
