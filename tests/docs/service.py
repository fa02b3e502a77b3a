"""A real server for the requests of the pages, and what sends a curl command to it."""

import json
import re
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.docs.pages import ROOT

VALUELESS = {"-N", "-i"}  # options of curl without a value


@contextmanager
def serving(models: Path) -> Iterator[int]:
    """Serve a folder of bundles as `make serve` does; give the port once all are ready."""
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--models", str(models)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        lines = (json.loads(line)["event"] for line in server.stderr)
        found = next(found for line in lines if (found := re.search(r"http://[\d.]+:(\d+)", line)))
        port = int(found[1])
        # A pipe that nobody reads would stop the server after some hundred lines of its log.
        threading.Thread(target=deque, args=(server.stderr, 0), daemon=True).start()
        while httpx.get(f"http://127.0.0.1:{port}/readyz").status_code != 200:
            assert server.poll() is None
        yield port
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()


def send(command: str, port: int, folder: Path = ROOT) -> httpx.Response:
    """Do what a curl command does, with what is piped into it; `folder` has its files."""
    *piped, command = command.replace("\\\n", " ").split(" | ")
    words = shlex.split(command)[1:]
    words = [word for word in words if word not in VALUELESS]
    words = words[: words.index(">")] if ">" in words else words
    url = next(word for word in words if "localhost:8000" in word)
    url = url.removeprefix("http://").replace("localhost:8000", f"http://127.0.0.1:{port}")
    options = [pair for pair in pairwise(words) if pair[0].startswith("-")]
    headers = dict(value.split(": ") for name, value in options if name == "-H")
    given = dict(options)
    body: dict[str, Any] = {}
    if "-F" in given:
        paths = [folder / value.split("=@")[1] for name, value in options if name == "-F"]
        body["files"] = [("file", (path.name, path.read_bytes(), "image/png")) for path in paths]
    elif "-d" in given:
        body["content"] = given["-d"].encode()
    elif given.get("--data-binary") == "@-":
        pipe = ["bash", "-o", "pipefail", "-c", " | ".join(piped)]
        body["content"] = subprocess.run(pipe, capture_output=True, check=True).stdout
    elif "--data-binary" in given:
        body["content"] = (folder / given["--data-binary"].removeprefix("@")).read_bytes()
    return httpx.request("POST" if body else "GET", url, headers=headers, **body)
