"""The README's requests are sent to a real server, and answered as printed."""

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

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
REQUESTS = re.findall(r"```sh\n(curl [^`]*)```\n\n```json\n([^`]*)```", README)


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


def send(command: str, port: int) -> Any:
    """Do what this curl command does."""
    words = shlex.split(command.replace("\\\n", " "))
    url = next(word for word in words if word.startswith("http://"))
    options = dict(pairwise(words))
    headers = dict([options["-H"].split(": ")]) if "-H" in options else {}
    body: dict[str, Any] = {}
    if "-F" in options:
        name, file = options["-F"].split("=@")
        path = ROOT / file
        body["files"] = [(name, (path.name, path.read_bytes(), "image/png"))]
    elif "-d" in options:
        body["content"] = options["-d"]
    else:
        body["content"] = (ROOT / options["--data-binary"].removeprefix("@")).read_bytes()
    return httpx.post(url.replace(":8000", f":{port}"), headers=headers, **body).json()


def alike(printed: Any, answered: Any) -> None:
    """Compare structure and words exactly, numbers as printed, request ids not at all."""
    if isinstance(printed, dict):
        assert printed.keys() == answered.keys()
        for key in printed.keys() - {"request_id"}:
            alike(printed[key], answered[key])
    elif isinstance(printed, list):
        assert len(printed) == len(answered)
        for one, other in zip(printed, answered, strict=True):
            alike(one, other)
    elif isinstance(printed, float):
        assert answered == pytest.approx(printed, abs=6e-3)
    else:
        assert printed == answered


def test_there_is_a_request_for_every_shipped_model() -> None:
    asked = " ".join(re.findall(r"curl [^`]*", README))
    for folder in (ROOT / "models").iterdir():
        if folder.is_dir():
            assert f"models/{folder.name}/" in asked


@pytest.mark.slow
@pytest.mark.parametrize(("command", "answer"), REQUESTS)
def test_a_request_is_answered_as_printed(command: str, answer: str, shipped_port: int) -> None:
    alike(json.loads(answer), send(command, shipped_port))


def shown_as(number: str, percent: str, value: float) -> bool:
    """Whether this measured value is printed so: its digits, in per cent where the sign follows."""
    digits = len(number.partition(".")[2])
    return f"{100 * value if percent else value:.{digits}f}".lstrip("0") == number.lstrip("0")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "models").glob("*/*/manifest.json")), ids=lambda path: path.parts[-3]
)
def test_the_first_figure_in_the_table_is_one_of_the_manifest(path: Path) -> None:
    manifest = json.loads(path.read_bytes())
    rows = [line for line in README.splitlines() if line.startswith(f"| `{manifest['name']}` |")]
    assert len(rows) == 1, f"the table has {len(rows)} rows for {manifest['name']}"
    figure = re.search(r"(\d*\.\d+)( ?%)?", rows[0])
    assert figure, f"no figure with a decimal point in: {rows[0]}"
    metrics = manifest["metrics"]
    assert any(shown_as(figure[1], figure[2], metric["value"]) for metric in metrics), (
        f"{figure[0]} is no metric of {manifest['name']}"
    )
