"""Trying a version in a process of its own before any worker loads it.

A graph can crash the native code that loads it, and a golden case can run for ever. So a version is
first loaded, and its golden cases are replayed, in a child process with a deadline; only then do
the workers load it, each for itself. A verdict on a content, which its digest names, holds for all
workers: a version that crashed its trial or did not end is not tried again until its content
changes.

The processes: `Trials.start` forks a keeper before any thread or session exists, which belongs to
no worker. The keeper runs the trial server and replaces it if it dies. The server imports what a
worker does, so that a trial costs a fork, and never touches CUDA, so that a fork is safe; a trial
on a GPU takes the memory of one more model there while it lasts. The server ends with the last
process that could ask it.

A request is one message on a socket that all workers share; with it comes the socket for the
answer.
"""

import gc
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from app import errors
from app.process.prctl import name_process
from app.process.resources import VISIBLE_GPUS, can_fork
from app.process.trial_server import PASSED, Prove, TrialServer
from app.telemetry import event, log

_SENDING = 10.0  # seconds
_GONE = "the processes that try versions were killed; restart the service"
_PATIENCE = 10  # deadlines of a trial that an answer may take: trials wait for their turn


class Trials:
    """Asks the trial server. seconds: the deadline of one trial."""

    def __init__(self, requests: socket.socket, seconds: float) -> None:
        self._requests, self._seconds = requests, seconds

    @classmethod
    def start(
        cls,
        make_prove: Callable[[], Prove],
        seconds: float,
        at_once: int,
        inherited: Iterable[socket.socket] = (),
    ) -> "Trials | None":
        """Start the trial server; return None where processes cannot be forked safely.

        make_prove: called in the server, once. at_once: trials that run at the same time.
        inherited: sockets of this process that the server shall not keep open.
        """
        if not can_fork():
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SENDING)  # of the workers' copies too
        between = os.fork()
        if between == 0:
            try:
                if os.fork() == 0:  # the parent of a worker is the supervisor's business; not ours
                    for each in (ours, *inherited):
                        each.close()
                    _keep(theirs, make_prove, seconds, at_once)
            finally:
                os._exit(0)
        os.waitpid(between, 0)
        theirs.close()
        return cls(ours, seconds)

    def __call__(self, folder: Path, digest: str) -> None:
        """Return if the version passes its trial; raise the `OperatorError` of one that does not.

        Raises `TrialUnavailable` where there is no verdict. Where nobody is left who could try it,
        it returns, and the log says so.
        """
        request = {
            "folder": str(folder),
            "digest": digest,
            "visible": os.environ.get(VISIBLE_GPUS),
        }
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                ours.settimeout(_PATIENCE * self._seconds)
                socket.send_fds(self._requests, [json.dumps(request).encode()], [theirs.fileno()])
                theirs.close()
                verdict = json.loads(ours.makefile().read() or "null")
            except (BrokenPipeError, ConnectionResetError):
                # Somebody has killed keeper and server. To serve comes before to try.
                event("loaded without a trial", logging.ERROR, folder=str(folder), reason=_GONE)
                return
            except (OSError, ValueError) as error:
                raise errors.TrialUnavailable(f"it could not be tried: {error}") from error
        if verdict is None:
            raise errors.TrialUnavailable("it could not be tried: the process for that has ended")
        kind, reason = verdict
        if kind != PASSED:
            raise getattr(errors, kind)(reason)


def _keep(
    requests: socket.socket, make_prove: Callable[[], Prove], seconds: float, at_once: int
) -> NoReturn:
    """Be the keeper: run the trial server until it has nobody to serve; replace it if it dies."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the last worker
    name_process("thalamus-keeper")
    while True:
        server = os.fork()
        if server == 0:
            name_process("thalamus-trials")
            try:
                prove = make_prove()
                gc.freeze()  # or a collection in a trial would copy the memory that it shares
                TrialServer(requests, prove, seconds, at_once).run()
            except BaseException:
                log.exception("trials failed")
                time.sleep(1)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(server, 0)
        if status == 0 or _nobody_is_left(requests):
            os._exit(0)
        event("trials died", logging.ERROR, status=os.waitstatus_to_exitcode(status))


def _nobody_is_left(requests: socket.socket) -> bool:
    """Return whether every process that could ask has ended."""
    try:
        return not requests.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
