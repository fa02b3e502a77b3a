"""Closed-loop load by wrk: each client sends its next request after the last answer."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.forms import Requests

SCRIPT = Path(__file__).parent / "load.lua"


class Unreachable(Exception):
    """No server accepts connections at the address; the text is wrk's."""


@dataclass(frozen=True)
class Load:
    """The results of a load. Latencies in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    worst: float
    errors: int  # refused ones among them
    refused: int = 0  # answered, but not with 200

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return (self.requests - self.refused) / self.seconds


def drive(requests: Requests, clients: int, seconds: float) -> Load:
    """Send requests on `clients` connections for `seconds`, rounded; raise `Unreachable`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(index) for index in range(len(requests.bodies))]
        for path, body in zip(paths, requests.bodies, strict=True):
            path.write_bytes(body)
        threads = min(2, max(1, clients // 256))
        command = ["wrk", f"-t{threads}", f"-c{clients}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", "20s", "-s", str(SCRIPT), requests.url, "--"]
        headers = "\n".join(f"{name}: {value}" for name, value in requests.headers.items())
        command += [headers, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Unreachable(f"wrk: {done.stdout.strip()} {done.stderr.strip()}")
    return parse(done.stdout)


def parse(output: str) -> Load:
    """Parse the line of the script, which follows wrk's own summary."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith("{"))
    return Load(**json.loads(line))
