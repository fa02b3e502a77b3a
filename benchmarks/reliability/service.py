"""The service as an operator starts it: processes of their own, a port, and a log."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine
from benchmarks.reliability.client import ask
from benchmarks.reliability.process import children
from benchmarks.servers import ROOT

_RUNNING = re.compile(r"running on http://[^\s\"]*:(\d+)")
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _PR_CAPBSET_DROP = 1, 2, 24  # linux/capability.h, prctl.h


class NotReady(Exception):
    """The service did not start in time; the text has the end of its log."""


@dataclass(frozen=True)
class Launch:
    """How to start it: the folder of models, settings without their prefix, and the program.

    before: runs in the new process before the program does, to take something away from it.
    """

    models: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    program: Sequence[str] = ("app.cli", "serve")
    before: Callable[[], None] | None = None

    def start(self, folder: Path) -> "Service":
        """Start it with its log in `folder`; it is not ready yet."""
        settings = {"DEVICE": "cpu", "WORKERS": "2", "PORT": "0", **self.settings}
        environment = {n: v for n, v in os.environ.items() if not n.startswith("THALAMUS_")}
        environment |= {f"THALAMUS_{name}": value for name, value in settings.items()}
        environment |= {"THALAMUS_MODELS": str(self.models), "PYTHONPATH": str(ROOT)}
        environment["TMPDIR"] = str(folder)
        log = Path(tempfile.mkstemp(".log", dir=folder)[1])
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *self.program],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=self.before,
            )
        return Service(process, log)


class Service:
    """A running service: the process that was started, and its workers."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log
        self._port = 0

    @property
    def pid(self) -> int:
        """The process that was started: the supervisor, or the only worker."""
        return self.process.pid

    @property
    def port(self) -> int:
        """The port that it announced in its log; raise `NotReady` if it does not."""
        ended = time.monotonic() + 30
        while not self._port:
            if found := _RUNNING.search(self.text()):
                self._port = int(found[1])
            elif self.process.poll() is not None or time.monotonic() > ended:
                raise NotReady(self.text()[-400:])
            else:
                time.sleep(0.01)
        return self._port

    def text(self) -> str:
        """The log until now."""
        return self.log.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The processes that answer: forked children have the command line of their parent."""
        own = machine.command_line(self.pid)
        forked = [pid for pid in children(self.pid) if own and machine.command_line(pid) == own]
        return forked or [self.pid]

    def wait_ready(self, patience: float = 60) -> None:
        """Wait until `/readyz` says 200; raise `NotReady`."""
        ended = time.monotonic() + patience
        while time.monotonic() < ended:
            if self.process.poll() is not None:
                break
            if ask(self.port, "GET", "/readyz", timeout=2).status == 200:
                return
            time.sleep(0.05)
        raise NotReady(self.text()[-400:])

    def end(self, number: int = signal.SIGTERM, patience: float = 30) -> float:
        """Send a signal and return the seconds until it has ended; infinity if it does not."""
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return float("inf")
        return time.monotonic() - started

    def kill(self) -> None:
        """End all its processes at once, and wait until they are gone."""
        members = machine.tree(self.pid) if self.process.poll() is None else []
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(map(machine.command_line, members)), 5)
        for pid in members[1:]:
            with suppress(ChildProcessError):  # of one that was not adopted
                os.waitpid(pid, os.WNOHANG)


@contextmanager
def running(launch: Launch, *, ready: bool = True) -> Iterator[Service]:
    """Start a service, wait until it is ready, and kill whatever is left of it afterwards.

    A stop that is not measured is not waited for. What it keeps in /tmp is in a folder of its own.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        service = launch.start(Path(folder))
        try:
            if ready:
                service.wait_ready()
            yield service
        finally:
            service.kill()


def wait_until(condition: Callable[[], bool], patience: float, step: float = 0.02) -> float:
    """Return the seconds until the condition is true; infinity if it is not within `patience`."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > patience:
            return float("inf")
        time.sleep(step)
    return time.monotonic() - started


def without_root_rights() -> None:
    """Take from a process the right of root to open every file, before it runs its program."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
