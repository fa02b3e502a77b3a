"""The requests in README.md and docs/ are sent to a real server and answered as printed."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.pages import CARDS, README, ROOT, Request, requests

REST = "…"  # printed instead of the rest of a long list, or instead of a long value
VALUELESS = {"-N", "-i"}  # options of curl without a value
REQUESTS = requests()


@pytest.fixture(scope="module")
def shipped_port() -> Iterator[int]:
    """Serve models/ as `make serve` does, on a free port."""
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    lines = (json.loads(line)["event"] for line in server.stderr)
    address = next(found for line in lines if (found := re.search(r"http://[\d.]+:(\d+)", line)))
    port = int(address[1])
    while httpx.get(f"http://127.0.0.1:{port}/readyz").status_code != 200:
        assert server.poll() is None
    yield port
    server.terminate()
    server.wait()
    server.stderr.close()


def send(command: str, port: int) -> httpx.Response:
    """Do what this curl command does."""
    words = shlex.split(command.replace("\\\n", " "))[1:]
    words = [word for word in words if word not in VALUELESS]
    words = words[: words.index(">")] if ">" in words else words
    url = next(word for word in words if "localhost:8000" in word)
    url = url.removeprefix("http://").replace("localhost:8000", f"http://127.0.0.1:{port}")
    options = [pair for pair in pairwise(words) if pair[0].startswith("-")]
    headers = dict(value.split(": ") for name, value in options if name == "-H")
    given = dict(options)
    body: dict[str, Any] = {}
    if "-F" in given:
        paths = [ROOT / value.split("=@")[1] for name, value in options if name == "-F"]
        body["files"] = [("file", (path.name, path.read_bytes(), "image/png")) for path in paths]
    elif "-d" in given:
        body["content"] = given["-d"].encode()
    elif "--data-binary" in given:
        body["content"] = (ROOT / given["--data-binary"].removeprefix("@")).read_bytes()
    return httpx.request("POST" if body else "GET", url, headers=headers, **body)


def same(printed: Any, answered: Any) -> None:
    """Compare structure and words exactly, numbers as printed, request ids not at all."""
    if printed == REST:
        return
    if isinstance(printed, dict):
        assert printed.keys() - {REST} <= answered.keys()
        assert REST in printed or printed.keys() == answered.keys()
        for key in printed.keys() - {"request_id", REST}:
            same(printed[key], answered[key])
    elif isinstance(printed, list):
        if printed and printed[-1] == REST:
            printed = printed[:-1]
            answered = answered[: len(printed)]
        assert len(printed) == len(answered)
        for one, other in zip(printed, answered, strict=True):
            same(one, other)
    elif isinstance(printed, float):
        assert answered == pytest.approx(printed, abs=6e-3)
    else:
        assert printed == answered


def test_every_shipped_model_has_a_request() -> None:
    asked = " ".join(request.command for request in REQUESTS if request.answer)
    names = {folder.name for folder in (ROOT / "models").iterdir() if folder.is_dir()}
    assert {name for name in names if f"{name}/" not in asked} == set()


def test_the_readme_has_two_requests_with_answers() -> None:
    assert len([one for one in REQUESTS if one.page == README and one.answer]) == 2


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_request_is_answered_as_printed(request_: Request, shipped_port: int) -> None:
    response = send(request_.command, shipped_port)
    if request_.answer:
        same(json.loads(request_.answer), response.json())
    else:
        assert response.status_code == 200


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parts[-3])
def test_the_python_of_a_card_prints_an_answer(card: Path, shipped_port: int) -> None:
    program = re.search(r"```python\n(.*?)```", card.read_text(), re.S)
    assert program is not None
    code = program[1].replace("localhost:8000", f"127.0.0.1:{shipped_port}")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
