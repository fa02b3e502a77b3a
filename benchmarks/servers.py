"""Starting a server, asking it, and ending it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks import machine
from benchmarks.load import Requests, multipart
from benchmarks.models import BUNDLES, CACHE, Workload

ROOT = Path(__file__).parent.parent
PATIENCE = 120  # seconds until a server must be ready


class DidNotStart(Exception):
    """A server that ended, or was not ready in time; says where its log is."""


@dataclass(frozen=True)
class Thalamus:
    """The service of one working tree. Settings come from the environment, THALAMUS_*."""

    name: str = "thalamus"
    tree: Path = ROOT
    models: Path = BUNDLES
    form: str = "raw"

    def command(self, port: int, work: Workload | None) -> list[str]:
        """The same for every workload: all models are served at once."""
        serve = ["-m", "app.cli", "serve", "--port", str(port), "--models", str(self.models)]
        return [sys.executable, *serve]

    def environment(self, port: int, work: Workload | None) -> Mapping[str, str]:
        """Nothing of its own."""
        return {}

    def ready(self, port: int) -> str:
        """Where it says that it is ready."""
        return f"http://127.0.0.1:{port}/readyz"

    def requests(self, port: int, work: Workload, form: str = "raw") -> Requests:
        """What is sent to it: each body raw, or as a multipart form."""
        url = f"http://127.0.0.1:{port}/v1/models/{work.model}/classify"
        content_type, bodies = work.media_type, work.payloads
        if form == "multipart":
            content_type, bodies = multipart(bodies, content_type)
        return Requests(url, content_type, bodies)

    def answer(self, body: bytes) -> tuple[str, float]:
        """Return label and probability."""
        first = json.loads(body)["predictions"][0]
        return first["label"], first["probability"]


@dataclass
class Server:
    """A running one. Make it with `start`."""

    kind: Thalamus
    process: subprocess.Popen[bytes]
    port: int
    ready_after: float = field(default=0.0)  # seconds from start to ready

    def stop(self) -> None:
        """End it and whatever it started; ask first."""
        members = machine.tree(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in members[1:]:
            _end(pid)

    def answers(self, work: Workload, form: str = "raw") -> list[tuple[str, float]]:
        """Ask for every payload once."""
        asked = self.kind.requests(self.port, work, form)
        found = []
        for body in asked.bodies:
            request = Request(asked.url, body, {"Content-Type": asked.content_type})
            with urlopen(request, timeout=30) as response:
                found.append(self.kind.answer(response.read()))
        return found


def start(kind: Thalamus, work: Workload | None = None) -> Server:
    """Start a server and return it once it is ready; raise `DidNotStart`."""
    port = free_port()
    log = CACHE / f"{kind.name}.log"
    environment = {**os.environ, **kind.environment(port, work)}
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            kind.command(port, work), cwd=kind.tree, env=environment, stdout=output, stderr=output
        )
    server = Server(kind, process, port)
    while not _answers(kind.ready(port)):
        if process.poll() is not None or time.perf_counter() - began > PATIENCE:
            server.stop()
            raise DidNotStart(f"{kind.name} did not start, see {log.relative_to(ROOT)}")
        time.sleep(0.02)
    server.ready_after = time.perf_counter() - began
    return server


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _end(pid: int) -> None:
    """End what a stopped server left behind."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
