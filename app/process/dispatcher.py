"""How connections reach the workers: accepted here, each passed to the worker that has the fewest.

A connection that no worker can take now, because the channels are full or each has as many as it
may have descriptors, is kept and offered again; until then the next ones wait in the system's queue
and nothing is refused. The same where this process is out of descriptors.
"""

import logging
import socket
import time
from collections.abc import Sequence
from functools import partial

from app.exhaustion import resource_exhausted
from app.process.listener import accept_last, refuse_newcomers
from app.process.loop import Loop
from app.process.worker_process import WorkerProcess
from app.telemetry import event

_RETRY = 0.01  # seconds until a connection that no worker could take is offered again
_PAUSE = 0.1  # seconds without accepting, when there are no descriptors
_HANDSHAKE = 0.05  # seconds for a client that has begun to connect


class Dispatcher:
    """Accepts connections of `listener` for `workers`, a list that its owner keeps up to date.

    silence: seconds after which a worker that has not reported is the last choice. capacity: the
    connections of one worker.
    """

    def __init__(
        self,
        listener: socket.socket,
        workers: Sequence[WorkerProcess],
        loop: Loop,
        silence: float,
        capacity: int,
    ) -> None:
        self._listener, self._workers, self._loop = listener, workers, loop
        self._silence, self._capacity = silence, capacity
        self._held: socket.socket | None = None  # the connection that no worker could take
        self._closing = False
        self._complained = 0.0  # when it was last logged that something is short

    def start(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._loop.watch(self._listener, self._accept)

    def stop(self, seconds: float) -> None:
        """Close the listening socket in so many seconds, after it has accepted who is there."""
        self._loop.after(max(0.0, seconds - _HANDSHAKE), partial(refuse_newcomers, self._listener))
        self._loop.after(max(seconds, _HANDSHAKE), self._close)

    def close(self) -> None:
        """Close all sockets, such as in a worker, which must not have them."""
        self._listener.close()
        self._drop()

    def pass_on(self, connection: socket.socket) -> bool:
        """Pass it to the best worker that can take it; return whether there was one."""
        ranked = sorted(self._workers, key=self._rank)
        able = [worker for worker in ranked if worker.connections < self._capacity]
        if ranked and not able:
            self._complain("every worker has as many connections as it may have descriptors")
        return any(worker.send(connection) for worker in able)

    def _rank(self, worker: WorkerProcess) -> tuple[bool, bool, bool, int]:
        # While no worker is ready, all are equal; later, one that is starting is the last choice.
        silent = time.monotonic() - worker.heard > self._silence
        return worker.retiring, not worker.report.ready, silent, worker.connections

    def _accept(self) -> None:
        try:
            self._held, _ = self._listener.accept()
        except OSError as error:
            # Without a lack of something, the client has disconnected meanwhile.
            if resource_exhausted(error) is not None:
                self._complain("cannot accept a connection", reason=error.strerror)
                self._pause(_PAUSE)
            return
        self._offer()

    def _offer(self) -> None:
        """Pass on the connection that is held, or pause."""
        if self._held is not None and not self.pass_on(self._held):
            return self._pause(_RETRY)
        self._drop()
        return None

    def _pause(self, seconds: float) -> None:
        self._loop.unwatch(self._listener)
        self._loop.after(seconds, self._resume)

    def _resume(self) -> None:
        if self._closing:
            return
        if self._held is not None:
            self._offer()
        if self._held is None:
            self._loop.watch(self._listener, self._accept)

    def _drop(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _close(self) -> None:
        self._closing = True
        self._loop.unwatch(self._listener)
        for connection in accept_last(self._listener):
            with connection:
                self.pass_on(connection)
        self._offer()
        self._drop()

    def _complain(self, message: str, **fields: object) -> None:
        """Log it, at most once a second."""
        if time.monotonic() - self._complained > 1:
            self._complained = time.monotonic()
            event(message, logging.ERROR, **fields)
