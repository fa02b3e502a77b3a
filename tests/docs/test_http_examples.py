"""The requests in README.md and docs/ are sent to a real server and answered as printed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import CARDS, DOCS, PAGES, README, ROOT, Request, requests
from tests.docs.service import send, serving

REST = "…"  # printed instead of the rest of a long list, or instead of a long value
REQUESTS = requests()
PYTHON = re.compile(r"```python\n([^`]*localhost:8000.*?)```", re.S)
# Their programs need other packages: `tests/clients` and `tests/client` run them.
OTHERS = (
    README,
    *(
        DOCS / "how-to" / f"{name}.md"
        for name in ("ask-with-known-clients", "ask-from-python", "generate-a-client")
    ),
)
WITH_PYTHON = [
    page for page in (*PAGES, *CARDS) if page not in OTHERS and PYTHON.search(page.read_text())
]


@pytest.fixture(scope="module")
def shipped_port() -> Iterator[int]:
    """Serve models/ as `make serve` does, on a free port."""
    with serving(ROOT / "models") as port:
        yield port


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


@pytest.mark.slow
@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_request_is_answered_as_printed(request_: Request, shipped_port: int) -> None:
    response = send(request_.command, shipped_port)
    if request_.answer:
        same(json.loads(request_.answer), response.json())
    else:
        assert response.status_code == 200


def test_every_card_and_the_how_to_have_a_program_in_python() -> None:
    assert {*CARDS, DOCS / "how-to" / "ask.md"} <= set(WITH_PYTHON)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_prints_an_answer(page: Path, shipped_port: int) -> None:
    for program in PYTHON.findall(page.read_text()):
        code = program.replace("localhost:8000", f"127.0.0.1:{shipped_port}")
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
