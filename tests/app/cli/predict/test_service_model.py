"""`thalamus predict --server`: what is sent, what is sent again, and what ends the run."""

import email.utils
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.predict import service
from tests.app.cli.test_server_client import Server
from tests.app.cli.test_server_client import server as server
from tests.app.commands import one_line, run

FACTS = {"name": "mine", "task": "classify", "versions": [{"version": 2}]}
ANSWER = {"label": "a", "probability": 0.75, "top": [{"label": "a", "probability": 0.75}]}
FULL = {"model": "mine", "version": 2, "predictions": [ANSWER]}
POST = "POST /v1/models/mine/classify"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds for which a request waited, instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr(service.RemoteModel.__init__, "__defaults__", (found.append,))
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("hello")
    return tmp_path / "a.txt"


def ask(capsys, server: Server, *words: object) -> tuple[int, list[dict[str, Any]], str]:
    server.answers.setdefault("GET /v1/models/mine", (200, FACTS))
    status, out, err = run(capsys, "predict", *words, "--server", server.address)
    return status, [json.loads(line) for line in out.splitlines()], err


def test_a_file_is_sent_as_it_is_and_its_content_decides(capsys, server, file: Path, monkeypatch):
    monkeypatch.setenv("THALAMUS_KEY", "k3y")
    server.answers[f"{POST}?top_k=2"] = (200, FULL)
    status, rows, _ = ask(capsys, server, "mine", file, "--top-k", 2)
    assert (status, rows) == (0, [{"file": str(file), "model": "mine", "version": 2, **ANSWER}])
    assert server.received[-1] == (f"{POST}?top_k=2", b"hello")
    assert server.headers["Content-Type"] == "application/octet-stream"
    assert server.headers["Authorization"] == "Bearer k3y"


def test_a_text_of_a_table_is_sent_as_text(capsys, server, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("text\nété\n", encoding="latin-1")
    server.answers["POST /v1/models/mine/versions/2/classify"] = (200, FULL)
    words = ("mine/2", table, "--text-column", "text", "--charset", "latin-1")
    assert ask(capsys, server, *words)[1][0]["row"] == 1
    assert server.received[-1][1] == "été".encode()
    assert server.headers["Content-Type"] == "text/plain"


def test_an_item_that_is_refused_is_a_row_and_the_next_is_asked(capsys, server, file: Path) -> None:
    server.answers[POST] = (422, {"detail": "expected a\n picture"})
    status, rows, err = ask(capsys, server, "mine", file, file)
    assert status == 1 and "2 of 2 could not be answered" in err
    assert rows == [{"file": str(file), "error": "expected a\\n picture"}] * 2


def test_a_busy_service_is_asked_again_after_what_it_says(capsys, server, file, waits) -> None:
    class Later(dict):
        def get(self, asked, _default):
            tried = sum(each == asked for each, _ in server.received)
            if asked == POST and tried < 4:
                return (503, {"detail": "busy"})
            return dict.get(self, asked)

    server.answers = Later({POST: (200, FULL), "GET /v1/models/mine": (200, FACTS)})
    server.more = {"Retry-After": "7"}
    assert ask(capsys, server, "mine", file)[0] == 0
    assert len(waits) == 3 and all(7 <= wait <= 28 * 1.25 for wait in waits)


@pytest.mark.parametrize(
    ("given", "least"),
    [
        (timedelta(seconds=40), 25),  # as a date, from the test's begin
        (timedelta(days=-9000), 0.25),
        ("99999999", 60),
        ("soon", 0.25),
    ],
)
def test_retry_after_may_be_a_date(
    capsys, server, file, waits, given: str | timedelta, least: float
) -> None:
    if isinstance(given, timedelta):
        given = email.utils.format_datetime(datetime.now(UTC) + given, usegmt=True)
    server.answers = {POST: (429, {"detail": "busy"}), "GET /v1/models/mine": (200, FACTS)}
    server.more = {"Retry-After": given}
    one_line(capsys, "predict", "mine", file, "--server", server.address)
    assert least <= waits[0] <= 2 * least


def test_a_service_that_stays_busy_ends_the_run(capsys, server, file, waits) -> None:
    server.answers = {POST: (503, {"detail": "busy"}), "GET /v1/models/mine": (200, FACTS)}
    line = one_line(capsys, "predict", "mine", file, "--server", server.address)
    assert line.endswith(": busy; try again\n")
    assert len(waits) == service.TRIES - 1


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (401, "it needs a key: set THALAMUS_KEY"),
        (403, "what the key may not"),
        (302, "it redirects to https://elsewhere/"),
    ],
)
def test_what_no_other_item_would_change_ends_the_run(capsys, server, file, status, line) -> None:
    server.answers = {POST: (status, {"detail": "what the key may not"})}
    server.answers["GET /v1/models/mine"] = (200, FACTS)
    assert line in one_line(capsys, "predict", "mine", file, "--server", server.address)


def test_mistakes_are_found_before_a_file_is_sent(capsys, server, file) -> None:
    server.answers = {"GET /v1/models": (200, {"models": [{"name": "mine"}]})}
    asked = ("--server", server.address)
    assert "it has no model 'mane' (did you mean mine?)" in one_line(
        capsys, "predict", "mane", file, *asked
    )
    assert "expected NAME or NAME/VERSION" in one_line(capsys, "predict", "a/b", file, *asked)
    server.answers["GET /v1/models/mine"] = (200, {**FACTS, "task": "complete"})
    assert "completes texts" in one_line(capsys, "predict", "mine", file, *asked)
    server.answers["GET /v1/models/mine"] = (200, {**FACTS, "task": "dance"})
    assert "unknown task" in one_line(capsys, "predict", "mine", file, *asked)
    assert all("POST" not in asked for asked, _ in server.received)


def test_an_answer_that_is_none_ends_the_run(capsys, server, file) -> None:
    server.answers = {POST: (200, {"predictions": []}), "GET /v1/models/mine": (200, FACTS)}
    line = one_line(capsys, "predict", "mine", file, "--server", server.address)
    assert "it answered with unexpected JSON" in line
