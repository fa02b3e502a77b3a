"""The trial server: a process that forks a child for each trial, and never runs a graph itself.

`app.process.trial` starts it and says what trials are for. A request is a JSON object with the
`folder` and the `digest` of a version and the GPUs that are `visible` to the worker that asks; with
it comes a socket for the answer, a JSON array of the name of an error class and a text.
"""

import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from app import errors
from app.process.prctl import name_process, signal_at_end_of_parent
from app.process.resources import VISIBLE_GPUS
from app.process_stat import SYSTEM_TICKS, USER_TICKS, process_stat
from app.telemetry import log

# Loads the version in a folder, whose manifest has this sha256; raises `OperatorError`.
Prove = Callable[[Path, str], None]

PASSED = "passed"
_FINAL = {PASSED, errors.GoldenMismatch.__name__, errors.TrialFailed.__name__}  # for a content
_NOT_AGAIN = "it is not tried again until its content changes"
_MAX_MESSAGE = 2**16  # bytes
_LONGEST_REASON = 2000  # characters
_SLOW = 5.0  # seconds after which a trial no longer keeps another one waiting
_BUSY = 0.25  # of its deadline; a trial that computed for longer is to blame that it is late
_CROWD = 4  # times as many trials as cores may run, the slow ones included
_VERDICTS = 10_000  # that are remembered

Verdict = tuple[str, str]  # the name of an error, or `PASSED`, and its text


@dataclass(slots=True, eq=False)
class _Trial:
    """One that waits for its turn or runs; `results` is the pipe from its process."""

    digest: str
    request: dict[str, Any]
    answers: list[socket.socket]
    pid: int = 0
    results: int = -1
    deadline: float = 0.0
    slow: float = 0.0
    written: bytes = b""


@dataclass(slots=True)
class TrialServer:
    """Takes requests for trials from `requests`, runs them and answers.

    prove: loads a version. seconds: the deadline of a trial. at_once: trials that run side by side.
    """

    requests: socket.socket
    prove: Prove
    seconds: float
    at_once: int
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector, init=False)
    verdicts: dict[str, Verdict] = field(default_factory=dict, init=False)
    waiting: dict[str, _Trial] = field(default_factory=dict, init=False)
    running: dict[str, _Trial] = field(default_factory=dict, init=False)
    killed: set[int] = field(default_factory=set, init=False)

    def run(self) -> None:
        """Return when no process is left that could ask; end what runs then."""
        self.selector.register(self.requests, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in self.selector.select(self._until_something_is_due()):
                    if key.fileobj is not self.requests:
                        self._on_result(key.data)
                    elif not self._on_request():
                        return
                self._end_what_is_late()
                self._reap()
                self._start_waiting()
        finally:
            for trial in self.running.values():
                os.kill(trial.pid, signal.SIGKILL)

    def _on_request(self) -> bool:
        """Take one request; return False at the end of the last process that could ask."""
        message, handles, *_ = socket.recv_fds(self.requests, _MAX_MESSAGE, 1)
        if not message:
            return False
        if not handles:  # no descriptor is left here; the worker learns that there is no answer
            return True
        request, answer = json.loads(message), socket.socket(fileno=handles[0])
        digest = request["digest"]
        if digest in self.verdicts:
            _answer(answer, self.verdicts[digest])
        elif trial := self.running.get(digest) or self.waiting.get(digest):
            trial.answers.append(answer)
        else:
            self.waiting[digest] = _Trial(digest, request, [answer])
        return True

    def _start_waiting(self) -> None:
        now = time.monotonic()
        while self.waiting and len(self.running) < _CROWD * self.at_once:
            if sum(now < trial.slow for trial in self.running.values()) >= self.at_once:
                return
            digest, trial = next(iter(self.waiting.items()))
            del self.waiting[digest]
            try:
                self._fork(trial)
            except OSError as error:  # no process or descriptor is left
                self._conclude(trial, ("TrialUnavailable", f"it could not be tried: {error}"))

    def _fork(self, trial: _Trial) -> None:
        results, writing = os.pipe()
        try:
            trial.pid = os.fork()
        except OSError:
            os.close(results)
            os.close(writing)
            raise
        if trial.pid == 0:
            _be_tried(self.prove, trial.request, writing)
        os.close(writing)
        now = time.monotonic()
        trial.results, trial.deadline, trial.slow = results, now + self.seconds, now + _SLOW
        self.running[trial.digest] = trial
        self.selector.register(results, selectors.EVENT_READ, trial)

    def _on_result(self, trial: _Trial) -> None:
        written = os.read(trial.results, _MAX_MESSAGE)
        trial.written += written
        if not written:  # it has ended
            _, status = os.waitpid(trial.pid, 0)
            self._conclude(trial, _verdict(trial.written, os.waitstatus_to_exitcode(status)))

    def _end_what_is_late(self) -> None:
        now = time.monotonic()
        for trial in [each for each in self.running.values() if each.deadline <= now]:
            computed = _processor_seconds(trial.pid)
            os.kill(trial.pid, signal.SIGKILL)
            self.killed.add(trial.pid)
            self._conclude(trial, _late(self.seconds, computed))

    def _conclude(self, trial: _Trial, verdict: Verdict) -> None:
        if self.running.pop(trial.digest, None):
            self.selector.unregister(trial.results)
            os.close(trial.results)
        if verdict[0] in _FINAL:
            self.verdicts[trial.digest] = verdict
            if len(self.verdicts) > _VERDICTS:
                del self.verdicts[next(iter(self.verdicts))]
        for answer in trial.answers:
            _answer(answer, verdict)

    def _reap(self) -> None:
        """Take note of killed trials that have ended; one that waits for a disk may take long."""
        self.killed -= {pid for pid in self.killed if os.waitpid(pid, os.WNOHANG)[0]}

    def _until_something_is_due(self) -> float | None:
        due = [t.deadline for t in self.running.values()]
        if self.waiting:
            due += [t.slow for t in self.running.values()]
        if self.killed:
            due.append(time.monotonic() + 1)
        return max(0.0, min(due) - time.monotonic()) if due else None


def _be_tried(prove: Prove, request: dict[str, Any], writing: int) -> NoReturn:
    """Be the process of one trial: load the version, write the verdict, end."""
    try:
        signal_at_end_of_parent(signal.SIGKILL)
        name_process("thalamus-trial")
        with suppress(OSError):  # if memory runs out, this process goes and not a worker
            Path("/proc/self/oom_score_adj").write_text("1000")
        if request["visible"] is not None:
            os.environ[VISIBLE_GPUS] = request["visible"]
        verdict: Verdict = (PASSED, "")
        try:
            prove(Path(request["folder"]), request["digest"])
        except errors.OperatorError as error:
            verdict = (type(error).__name__, str(error))
        except (MemoryError, errors.ResourceExhausted):
            verdict = ("TrialUnavailable", "there is not enough memory to try it")
        except Exception as error:
            log.exception("trial failed: %s", request["folder"])
            verdict = ("TrialUnavailable", f"its trial failed: {type(error).__name__}")
        os.write(writing, json.dumps((verdict[0], verdict[1][:_LONGEST_REASON])).encode())
    finally:
        os._exit(0)


def _verdict(written: bytes, code: int) -> Verdict:
    """Return what a trial has written, or what its end says: its exit status or -signal."""
    if written:
        kind, reason = json.loads(written)
        return kind, reason
    if code == -signal.SIGKILL:  # as the kernel does where memory is short
        return "TrialUnavailable", "its trial was killed; is there enough memory?"
    how = signal.Signals(-code).name if code < 0 else f"status {code}"
    return "TrialFailed", f"loading it crashed the process that tried it ({how}); {_NOT_AGAIN}"


def _late(seconds: float, computed: float) -> Verdict:
    """Return the verdict on a trial that was not done after so many seconds."""
    if computed < _BUSY * seconds:  # it waited: for a disk, or for other processes
        return "TrialUnavailable", f"its trial was not done within {seconds:g} s"
    what = f"it did not load and answer its golden cases within {seconds:g} s"
    return "TrialFailed", f"{what}; {_NOT_AGAIN}"


def _processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken."""
    try:
        fields = process_stat(pid)
        return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return float("inf")


def _answer(answer: socket.socket, verdict: Verdict) -> None:
    with answer, suppress(OSError):  # the worker may be gone
        answer.sendall(json.dumps(verdict).encode())
        answer.shutdown(socket.SHUT_WR)  # a trial that runs has inherited it
