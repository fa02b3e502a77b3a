"""Several workers behind one port.

One process cannot use more than one core for what Python does, and is at its best with one thread
for each session. The supervisor loads no model. It accepts connections and sends each to the worker
that has the fewest; it replaces a worker that died; on SIGTERM or SIGINT it closes the port and
lets the workers finish. Workers are forked, so that the modules they import are in memory once.
When the supervisor dies, they stop as they do on SIGTERM.

Messages are one byte each. The supervisor sends `CONNECTION`, with the file descriptor of one, and
`ALL_READY`; a worker sends `READY` and, for each connection that was closed, `CLOSED`.
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

CONNECTION, ALL_READY, READY, CLOSED = b"t", b"a", b"r", b"o"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)  # that end the service
_BACKLOG = 4096  # connections that may wait for the supervisor
_RETRY, _PATIENCE = 0.001, 5.0  # seconds between tries to send a connection, and of all of them
_SHORT_LIFE = 1.0  # seconds; a worker that lived no longer is replaced after as many

# The whole life of a worker, given its channel and its index among the workers, from 0.
RunWorker = Callable[[socket.socket, int], None]


@dataclass(slots=True, eq=False)
class _Worker:
    pid: int
    index: int
    channel: socket.socket
    started: float  # seconds on the monotonic clock
    connections: int = 0
    ready: bool = False


class Supervisor:
    """Accepts the connections of `listener` for `count` workers, each of which is `run_worker`."""

    def __init__(self, listener: socket.socket, count: int, run_worker: RunWorker) -> None:
        self._listener = listener
        self._count = count
        self._run_worker = run_worker
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Return after a signal, when every worker has ended."""
        wake, alarm = socket.socketpair()
        alarm.setblocking(False)
        signal.set_wakeup_fd(alarm.fileno())
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # the wake-up socket reports it
        self._listener.setblocking(False)
        self._selector.register(wake, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        for index in range(self._count):
            self._start(index)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is wake:
                    return self._stop()
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._on_message(key.data)

    def _start(self, index: int) -> None:
        ours, theirs = socket.socketpair()
        # Blocked, so that a signal waits for the worker's own handlers and is not lost in ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, index)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.setblocking(False)
        worker = _Worker(pid, index, ours, time.monotonic())
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket, index: int) -> None:
        """Close all that belongs to the supervisor, run the worker, and end the process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor sends SIGTERM instead
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        status = 1
        try:
            self._selector.close()
            for held in (ours, self._listener, *(worker.channel for worker in self._workers)):
                held.close()
            self._run_worker(theirs, index)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            logging.getLogger("thalamus").exception("worker failed")
        finally:
            os._exit(status)

    def _accept(self) -> None:
        with suppress(OSError):  # the client may have disconnected meanwhile
            connection, _ = self._listener.accept()
            with connection:
                patience = _PATIENCE
                while not self._send(connection) and (patience := patience - _RETRY) > 0:
                    time.sleep(_RETRY)

    def _send(self, connection: socket.socket) -> bool:
        """Send it to a worker; return False if the channels are full and a retry may succeed."""
        full = False
        # While no worker is ready, all are equal; later, one that is starting is the last choice.
        for worker in sorted(self._workers, key=lambda w: (not w.ready, w.connections)):
            try:
                socket.send_fds(worker.channel, [CONNECTION], [connection.fileno()])
            except BlockingIOError:  # some hundreds wait in its channel
                full = True
            except OSError:  # it is dying; its channel will report that
                continue
            else:
                worker.connections += 1
                return True
        return not full

    def _on_message(self, worker: _Worker) -> None:
        try:
            messages = worker.channel.recv(4096)
        except OSError:  # it died before it had read its messages
            messages = b""
        if not messages:
            return self._replace(worker)
        worker.connections -= messages.count(CLOSED)
        if READY in messages:
            worker.ready = True
            if all(each.ready for each in self._workers):
                for each in self._workers:
                    with suppress(OSError):  # it is dying; its channel will report that
                        each.channel.send(ALL_READY)
        return None

    def _replace(self, worker: _Worker) -> None:
        """Log that a worker has died, and start another with its index."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        self._workers.remove(worker)
        _, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        event("worker died", logging.ERROR, pid=worker.pid, status=code)
        if time.monotonic() - worker.started < _SHORT_LIFE:
            time.sleep(_SHORT_LIFE)
        self._start(worker.index)

    def _stop(self) -> None:
        self._listener.close()
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        for worker in self._workers:
            os.waitpid(worker.pid, 0)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, IPv6 and IPv4 where the host is `::`; raise `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family is socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
