"""A worker as the supervisor sees it: a forked process, its channel, its heartbeat, its stacks."""

import faulthandler
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from app.process.channel import ALL_READY, CONNECTION, REPORT_SIZE, Report, latest_report
from app.process_stat import STATE, process_stat
from app.telemetry import log

# The whole life of a worker, given its channel and its index.
RunWorker = Callable[[socket.socket, int], None]

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
_LARGEST_DUMP = 2**18  # bytes of stacks to keep


class WorkerProcess:
    """A forked worker.

    index: its place in what all workers share. heard: when its last report came, on the monotonic
    clock; when it was started, if none has come. reason: why it was killed, if it was. dump: the
    stacks of its threads that it has written and nobody has taken.
    """

    def __init__(self, index: int, run_worker: RunWorker, close: Callable[[], None]) -> None:
        """Fork. close: closes in the worker what belongs to the supervisor and other workers."""
        self.index = index
        self.report = Report()
        self.reason = ""
        self.dump = b""
        self.reported = self.retiring = self.admitted = False
        self.suspected = 0.0  # the `heard` of the silence for which its stacks were asked
        self.replaces: WorkerProcess | None = None
        self.channel, self._far_end = socket.socketpair()
        self.dumps, theirs = socket.socketpair()
        self._sent = 0
        # Blocked, so that a signal waits for the worker's own handlers and is not lost in ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.pid = os.fork()
        if self.pid == 0:
            close_all = (close, self.channel.close, self.dumps.close)
            _become_worker(partial(run_worker, self._far_end, index), theirs, close_all)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        theirs.close()
        for end in (self.channel, self.dumps):  # the far end is the worker's, who may block
            end.setblocking(False)
        self.heard = time.monotonic()

    @property
    def connections(self) -> int:
        """The connections that it has, or that are on their way to it."""
        return self.report.connections(self._sent)

    def send(self, connection: socket.socket) -> bool:
        """Pass on a connection; return False if the channel is full or closed."""
        try:
            socket.send_fds(self.channel, [CONNECTION], [connection.fileno()])
        except OSError:  # some hundreds wait in it, or the worker is dying
            return False
        self._sent += 1
        return True

    def admit(self) -> None:
        """Let it say that the service is ready; where the channel is full, the next call does."""
        if not self.admitted:
            with suppress(OSError):
                self.admitted = self.channel.send(ALL_READY) > 0

    def send_no_more(self) -> None:
        """Let it end, after it has answered what it has received."""
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def read_report(self) -> bool:
        """Read what has arrived; return whether it was a report."""
        received = b""
        with suppress(OSError):
            received = self.channel.recv(REPORT_SIZE * 256)
        if received:
            self.report, self.heard, self.reported = latest_report(received), time.monotonic(), True
        return bool(received)

    def read_dump(self) -> bool:
        """Read stacks that it has written; return whether there were any."""
        written = b""
        with suppress(OSError):
            written = self.dumps.recv(2**16)
        self.dump = (self.dump + written)[:_LARGEST_DUMP]
        return bool(written)

    def take_dump(self) -> str:
        """Return the stacks that it has written, and forget them."""
        while self.read_dump():
            pass
        dump, self.dump = self.dump, b""
        return dump.decode(errors="replace").strip()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self, reason: str) -> None:
        """End it at once."""
        self.reason = self.reason or reason
        self.signal(signal.SIGKILL)

    def is_stopped(self) -> bool:
        """Whether a signal such as SIGSTOP, or a debugger, has stopped it (known on Linux)."""
        with suppress(OSError):
            return process_stat(self.pid)[STATE] in "Tt"
        return False

    def unreceived(self) -> Iterator[socket.socket]:
        """Yield, once it has ended, the connections that it has not taken from the channel."""
        self._far_end.setblocking(False)
        message = CONNECTION
        with suppress(OSError):
            while message:
                message, descriptors, *_ = socket.recv_fds(self._far_end, 1, 1)
                yield from (socket.socket(fileno=descriptor) for descriptor in descriptors)

    def close(self) -> None:
        """Close all sockets of the supervisor that belong to this worker."""
        for end in (self.channel, self._far_end, self.dumps):
            end.close()


def ended_processes() -> Iterator[tuple[int, int]]:
    """Yield the process id and the exit code, negative for a signal, of children that have ended.

    Others than workers may be among them, where this is the first process of a container.
    """
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])


def _become_worker(
    run: Callable[[], None], dumps: socket.socket, close_all: Iterable[Callable[[], None]]
) -> None:
    """Close all that belongs to the supervisor, run the worker, and end the process."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGINT, signal.SIGHUP):  # the supervisor decides what they mean
            signal.signal(number, signal.SIG_IGN)
        # In C, so that it also works where Python does not get its turn.
        faulthandler.register(signal.SIGUSR1, file=dumps.fileno(), all_threads=True)
        faulthandler.enable(file=dumps.fileno())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        for close in close_all:
            close()
        run()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        log.exception("worker failed")
    finally:
        os._exit(status)
