"""One worker: uvicorn, serving connections that the supervisor has accepted.

Its event loop reports to the supervisor at once when a connection closes or its own state changes,
and in any case once a beat. When it is asked to end, it is a lame duck until the supervisor has no
more to send: its answers close their connections, so that clients go elsewhere without losing a
request.
"""

import asyncio
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from app.background import spawn
from app.process.channel import ALL_READY, CONNECTION, Report
from app.process.connection import Connection
from app.process.open_connections import OpenConnections
from app.process.prctl import signal_at_end_of_parent
from app.telemetry import event

_POLL = 0.01  # seconds between looks whether the models are loaded
_LAST_REQUESTS = 1.0  # seconds for the requests of clients that have connected at the last moment


class Worker:
    """Serves the connections that arrive through `channel`, the socket to the supervisor.

    open_connections: what all connections of this worker share. beat: seconds between two reports.
    all_ready: whether this worker and all others have loaded their models since the service was
    started. draining: whether it was asked to end.
    """

    def __init__(
        self, channel: socket.socket, open_connections: OpenConnections, beat: float
    ) -> None:
        self._channel, self._open_connections, self._beat = channel, open_connections, beat
        self._tasks: set[asyncio.Task[None]] = set()
        self._received = 0
        self._arriving: set[Connection] = set()  # of which the event loop makes connections
        self._ready = False
        self._failed = 0  # versions of models, at the latest beat
        self._complained = 0.0
        self.all_ready = self.draining = False

    async def run(
        self, config: uvicorn.Config, is_loaded: Callable[[], bool], failed: Callable[[], int]
    ) -> None:
        """Serve `config`'s application until a signal or the end of the supervisor.

        is_loaded: says whether this worker has loaded its models. failed: returns how many versions
        it could not load.
        """
        self._count_failed = failed
        self._config, self._server = config, uvicorn.Server(config)
        self._channel.setblocking(False)
        self._report_again()
        spawn(self._start(is_loaded), self._tasks)
        await self._server.serve(sockets=[])

    async def _start(self, is_loaded: Callable[[], bool]) -> None:
        while not self._server.started:
            await asyncio.sleep(_POLL)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)  # instead of uvicorn's
        loop.add_reader(self._channel, self._on_message)
        while not is_loaded():
            await asyncio.sleep(_POLL)
        self._ready, self._failed = True, self._count_failed()
        self._report()

    def _report_again(self) -> None:
        self._failed = self._count_failed()
        self._report()
        asyncio.get_running_loop().call_later(self._beat, self._report_again)

    def _report(self) -> None:
        connections = self._connections
        count = len(connections) + len(self._arriving - connections)  # without a large copy
        report = Report(self._ready, self.draining, self._received, count, self._failed)
        with suppress(OSError):  # the channel is full, and a later report has it; or nobody reads
            self._channel.send(report.pack())

    def _on_message(self) -> None:
        try:
            message, connections, *_ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return
        except OSError:  # the supervisor died before it had read our reports
            message, connections = b"", []
        if message == CONNECTION:
            self._received += 1
            if connections:
                connection = self._connection()
                connection.on_close = self._report
                self._arriving.add(connection)
                client = socket.socket(fileno=connections[0])
                spawn(self._connect(client, connection), self._tasks)
            else:
                self._lost_connection()
        elif message == ALL_READY:
            self.all_ready = True
        else:
            self._end()

    def _connection(self) -> Connection:
        make: Callable[..., Connection] = self._config.http_protocol_class  # type: ignore[assignment]
        return make(config=self._config, server_state=self._server.server_state, app_state={})

    async def _connect(self, client: socket.socket, connection: Connection) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: connection, client)
        except OSError:  # the client has disconnected meanwhile
            client.close()
        finally:
            self._arriving.discard(connection)

    def _lost_connection(self) -> None:
        """Log, at most once a second, that the system closed a connection on its way here."""
        self._report()
        if time.monotonic() - self._complained > 1:
            self._complained = time.monotonic()
            event("connection lost", logging.ERROR, reason="this process is out of descriptors")

    def _drain(self) -> None:
        """Be a lame duck: let every answer close its connection. A second call changes nothing."""
        if self.draining:
            return
        self.draining = True
        self._open_connections.stopping = True  # of requests from now on
        for connection in self._connections:
            if connection.answering:
                connection.shutdown()  # once it has answered
        self._report()

    def _end(self) -> None:
        """Answer what has come, and end: the supervisor sends no more, or is gone."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._channel)
        self._drain()
        spawn(self._end_after_the_last(), self._tasks)

    async def _end_after_the_last(self) -> None:
        """Close idle connections; end when all others have sent a request, or have had the time.

        What has arrived is read first: closing a connection then would reset it.
        """
        deadline = time.monotonic() + _LAST_REQUESTS
        while time.monotonic() < deadline:
            waiting = [each for each in self._connections if not each.answering]
            if not waiting and not self._arriving:
                break
            for each in waiting:
                if _is_idle(each) and not _can_be_read(each):
                    each.shutdown()
            await asyncio.sleep(_POLL)
        self._server.should_exit = True

    @property
    def _connections(self) -> set[Connection]:
        return self._server.server_state.connections  # type: ignore[return-value]


def _is_idle(connection: Connection) -> bool:
    """Whether it has answered a whole request, and no part of another one was read."""
    cycle = connection.cycle
    complete = cycle is not None and cycle.response_complete and not cycle.more_body
    return complete and cycle.scope is connection.scope and not connection.transport.is_closing()


def _can_be_read(connection: Connection) -> bool:
    """Whether something has arrived that was not read."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def end_with_supervisor(channel: socket.socket, patience: float) -> None:
    """Let this process end `patience` seconds after the supervisor's death, even if it is blocked.

    Without a supervisor nobody would kill a worker whose event loop is blocked; the thread started
    here does. One that is stopped by SIGSTOP goes on (on Linux), and so ends as well.
    """
    signal_at_end_of_parent(signal.SIGCONT)
    threading.Thread(target=_kill_orphan, args=(channel.dup(), patience), daemon=True).start()


def _kill_orphan(channel: socket.socket, patience: float) -> None:
    supervisor = select.poll()
    supervisor.register(channel, 0)  # only its hang-up, which is always reported
    supervisor.poll()
    time.sleep(patience)
    os.kill(os.getpid(), signal.SIGKILL)
