"""Several processes behind one port.

One process cannot use more than one core for what Python does, and is at its best with one
thread a session. The parent loads nothing: it accepts connections and hands each to the
worker that has the fewest, starts a worker again that has died, and on SIGTERM or SIGINT
closes the port and lets the workers finish. Workers are forked, so what they import is in
memory once. When the parent dies, they stop as if they had been told to.

What is said between them, a byte at a time: the parent sends `TAKE` with a connection, and
`ALL_READY`; a worker sends `READY` and, for each connection that is over, `OVER`.
"""

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from app.telemetry import event

TAKE, ALL_READY, READY, OVER = b"t", b"a", b"r", b"o"
_BACKLOG = 4096  # connections that may wait for the parent
_MOMENT, _PATIENCE = 0.001, 5.0  # seconds between tries to hand over a connection, and of all
_QUICKLY = 1.0  # seconds; a worker that lived no longer is started again after as many

# A worker's whole life, given its channel and its place among the workers, from 0.
Serve = Callable[[socket.socket, int], None]


@dataclass(slots=True, eq=False)
class _Worker:
    pid: int
    place: int
    channel: socket.socket
    begun: float
    connections: int = 0
    ready: bool = False


class Supervisor:
    """Runs `count` workers; `serve` is called in each of them."""

    def __init__(self, listener: socket.socket, count: int, serve: Serve) -> None:
        self._listener = listener
        self._count = count
        self._serve = serve
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Return when told to stop and every worker has ended."""
        wake, alarm = socket.socketpair()
        alarm.setblocking(False)
        signal.set_wakeup_fd(alarm.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the wake-up tells
        self._listener.setblocking(False)
        self._selector.register(wake, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        for place in range(self._count):
            self._start(place)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is wake:
                    return self._stop()
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._hear(key.data)

    def _start(self, place: int) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, place)
        theirs.close()
        ours.setblocking(False)
        worker = _Worker(pid, place, ours, time.monotonic())
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket, place: int) -> None:
        """Let go of all that is the parent's, serve, and end."""
        signal.set_wakeup_fd(-1)
        status = 1
        try:
            self._selector.close()
            for held in (ours, self._listener, *(worker.channel for worker in self._workers)):
                held.close()
            self._serve(theirs, place)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            logging.getLogger("thalamus").exception("worker failed")
        finally:
            os._exit(status)

    def _accept(self) -> None:
        with suppress(OSError):  # the client may have left meanwhile
            connection, _ = self._listener.accept()
            with connection:
                patience = _PATIENCE
                while not self._hand_over(connection) and (patience := patience - _MOMENT) > 0:
                    time.sleep(_MOMENT)

    def _hand_over(self, connection: socket.socket) -> bool:
        """Say whether a worker has it, or none ever will."""
        full = False
        # While they start all are alike; later, one that starts again is spared.
        for worker in sorted(self._workers, key=lambda w: (not w.ready, w.connections)):
            try:
                socket.send_fds(worker.channel, [TAKE], [connection.fileno()])
            except BlockingIOError:  # it has some hundreds to take yet
                full = True
            except OSError:  # it is dying, and will be heard of
                continue
            else:
                worker.connections += 1
                return True
        return not full

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.channel.recv(4096)
        except OSError:  # it died before it had read what it was told
            said = b""
        if not said:
            return self._bury(worker)
        worker.connections -= said.count(OVER)
        if READY in said:
            worker.ready = True
            if all(each.ready for each in self._workers):
                for each in self._workers:
                    with suppress(OSError):  # it is dying, and will be heard of
                        each.channel.send(ALL_READY)
        return None

    def _bury(self, worker: _Worker) -> None:
        """A worker has died of itself: say so and start another in its place."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        self._workers.remove(worker)
        _, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        event("worker died", logging.ERROR, pid=worker.pid, status=code)
        if time.monotonic() - worker.begun < _QUICKLY:
            time.sleep(_QUICKLY)
        self._start(worker.place)

    def _stop(self) -> None:
        self._listener.close()
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        for worker in self._workers:
            os.waitpid(worker.pid, 0)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `OSError` where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family is socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
