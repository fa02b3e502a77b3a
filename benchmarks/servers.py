"""Starting a server, sending requests to it, and ending it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks import machine
from benchmarks.forms import Answer, Form, Requests, answered, raw
from benchmarks.models import BUNDLES, CACHE, Workload

ROOT = Path(__file__).parent.parent
PATIENCE = 120  # seconds until a server must be ready
RESTING = 0.03  # processor seconds in half a second


class DidNotStart(Exception):
    """A server ended or was not ready in time; the text has the path of its log."""


class Kind(Protocol):
    """A server that can be started."""

    @property
    def name(self) -> str:
        """Its name in the tables."""

    def command(self, port: int) -> Sequence[str]:
        """The command that starts it."""

    def environment(self, port: int, work: Workload) -> Mapping[str, str]:
        """Environment variables for it, in addition to this process's own."""

    def folder(self) -> Path:
        """Its working directory."""

    def ready(self, port: int) -> str:
        """The address that answers 200 once it is ready."""

    def requests(self, port: int, work: Workload, form: Form = raw) -> Requests:
        """The requests to send; some servers accept one form only."""


@dataclass(frozen=True)
class Thalamus:
    """The service of one working tree. Settings come from the environment, THALAMUS_*.

    `settings` applies to variables that the environment does not set.
    """

    name: str = "thalamus"
    tree: Path = ROOT
    models: Path = BUNDLES
    settings: Mapping[str, str] = field(default_factory=dict)

    def command(self, port: int) -> Sequence[str]:
        """`thalamus serve` of that tree."""
        serve = ["-m", "app.cli", "serve", "--port", str(port), "--models", str(self.models)]
        return [sys.executable, *serve]

    def environment(self, port: int, work: Workload) -> Mapping[str, str]:
        """Its settings; every model is served at once, as in production."""
        return {name: value for name, value in self.settings.items() if name not in os.environ}

    def folder(self) -> Path:
        """Where Python finds `app`."""
        return self.tree

    def ready(self, port: int) -> str:
        """Its readiness probe."""
        return f"http://127.0.0.1:{port}/readyz"

    def requests(self, port: int, work: Workload, form: Form = raw) -> Requests:
        """Any form."""
        url = f"http://127.0.0.1:{port}/v1/models/{work.model}/classify"
        return form(url, work.media_type, work.payloads)


@dataclass
class Server:
    """A running server, returned by `start`."""

    kind: Kind
    process: subprocess.Popen[bytes]
    port: int
    ready_after: float = 0.0  # seconds from start to ready
    polls: bool = False  # whether it uses the processors without requests

    def freeze(self) -> None:
        """Stop its processes until `thaw`, if it polls."""
        if self.polls:
            machine.signal_tree(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        machine.signal_tree(self.process.pid, signal.SIGCONT)

    def idle(self) -> float:
        """Return the share of a core that it uses now, over two seconds."""
        before = machine.cpu(self.process.pid)
        time.sleep(2)
        return (machine.cpu(self.process.pid) - before) / 2

    def rest(self) -> None:
        """Wait, at most half a minute, until it has finished earlier requests."""
        for _ in range(60):
            before = machine.cpu(self.process.pid)
            time.sleep(0.5)
            if machine.cpu(self.process.pid) - before < RESTING:
                return

    def stop(self) -> None:
        """End it and whatever it started; ask first."""
        self.thaw()
        members = machine.tree(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in members[1:]:  # what it left behind
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def answers(self, work: Workload, form: Form = raw) -> list[Answer]:
        """Return the answers to all payloads."""
        asked = self.kind.requests(self.port, work, form)
        found = []
        for body in asked.bodies:
            with urlopen(Request(asked.url, body, asked.headers), timeout=30) as response:
                found.append(answered(response.read()))
        return found


def start(kind: Kind, work: Workload) -> Server:
    """Start a server and return it once it is ready; raise `DidNotStart`."""
    port = free_port()
    log = CACHE / f"{kind.name}.log"
    environment = {**os.environ, **kind.environment(port, work)}
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            kind.command(port), cwd=kind.folder(), env=environment, stdout=output, stderr=output
        )
    server = Server(kind, process, port)
    while not _answers(kind.ready(port)):
        if process.poll() is not None or time.perf_counter() - began > PATIENCE:
            server.stop()
            raise DidNotStart(f"{kind.name} did not start, see {log.relative_to(ROOT)}")
        time.sleep(0.02)
    server.ready_after = time.perf_counter() - began
    machine.prefer(process.pid)
    return server


def free_port() -> int:
    """Return a port of the loopback interface, free like the two after it.

    Below those that the system gives to clients: thousands of them are in use under load.
    """
    for port in random.sample(range(20_000, 30_000, 3), 100):
        with suppress(OSError), ExitStack() as probes:
            for offset in range(3):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port + offset))
            return port
    raise DidNotStart("no free port was found")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
