"""Closed-loop load: wrk, each client asking again as soon as it is answered."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "load.lua"


@dataclass(frozen=True)
class Requests:
    """Bodies that are sent in turn to one address."""

    url: str
    content_type: str
    bodies: tuple[bytes, ...]


@dataclass(frozen=True)
class Load:
    """What came back. Latencies in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    worst: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def drive(requests: Requests, clients: int, seconds: float) -> Load:
    """Ask from `clients` connections for `seconds` (whole seconds, at least one)."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(index) for index in range(len(requests.bodies))]
        for path, body in zip(paths, requests.bodies, strict=True):
            path.write_bytes(body)
        threads = min(2, max(1, clients // 256))
        command = ["wrk", f"-t{threads}", f"-c{clients}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", "20s", "-s", str(SCRIPT), requests.url, "--"]
        command += [requests.content_type, *map(str, paths)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return parse(done.stdout)


def parse(output: str) -> Load:
    """Read the line that the script prints; wrk writes its own summary before it."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith("{"))
    return Load(**json.loads(line))


def multipart(bodies: tuple[bytes, ...], media_type: str) -> tuple[str, tuple[bytes, ...]]:
    """Return the Content-Type and bodies that `curl -F file=@…` would send."""
    boundary = "----------------------------5f0c3a1b9d2e"
    disposition = 'Content-Disposition: form-data; name="file"; filename="file"'
    head = f"--{boundary}\r\n{disposition}\r\nContent-Type: {media_type}\r\n\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    wrapped = tuple(head + body + tail for body in bodies)
    return f"multipart/form-data; boundary={boundary}", wrapped
