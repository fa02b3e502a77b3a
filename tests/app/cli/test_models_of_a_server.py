"""`thalamus models … --server` and a real service: the service follows, and both say the same."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.bundle import publish
from tests import fakes
from tests.app.api.controlled import KEY, controlled_app
from tests.app.commands import one_line, run

pytestmark = pytest.mark.slow


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in (1, 2, 3):
        publish(fakes.text_bundle("mine", version=version), tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def address(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a service in a thread of this process, under a path prefix."""
    app = controlled_app(models, poll=0.02, root_path="/ml")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/ml"
    monkeypatch.setenv("THALAMUS_KEY", KEY)
    while httpx.get(f"{url}/readyz").status_code != 200:
        time.sleep(0.005)
    yield url
    server.should_exit = True
    thread.join()


def answering(address: str, version: int) -> None:
    """Wait until this version answers."""
    headers = {"Authorization": f"Bearer {KEY}"}
    while True:
        asked = {"json": {"instances": ["good"]}, "headers": headers}
        answer = httpx.post(f"{address}/v1/models/mine/classify", **asked)
        assert answer.status_code == 200
        if answer.json()["version"] == version:
            return


def test_a_service_follows_the_commands(capsys, models: Path, address: str) -> None:
    def said(*words: object) -> str:
        status, out, err = run(capsys, "models", *words, "--server", address)
        assert (status, err) == (0, "")
        return out.splitlines()[0]

    answering(address, 3)
    for words, version, line in (
        (("pin", 1), 1, "version 1 serves, pinned; version 3 served before"),
        (("unpin",), 3, "version 3 serves; version 1 served before"),
        (("rollback",), 2, "version 2 serves, pinned; version 3 served before"),
        (("rollback",), 1, "version 1 serves, pinned; version 2 served before"),
        (("hold", 3), 1, "version 3 is held; version 1 serves, pinned, as before"),
        (("unpin",), 2, "version 2 serves; version 1 served before"),
        (("release", 3), 3, "version 3 is released; version 3 serves; version 2 served before"),
        (("rollback", "--copy"), 4, "version 4, a copy of version 2, serves; "),
    ):
        verb, *more = words
        assert said(verb, "mine", *more).startswith(f"mine: {line}")
        answering(address, version)
    assert (models / "mine" / "4").is_dir()


def test_a_service_and_its_folder_are_shown_alike(capsys, models: Path, address: str) -> None:
    run(capsys, "models", "hold", "mine", 2, "--reason", "slow", "--server", address)
    run(capsys, "models", "pin", "mine", 1, "--server", address)
    answering(address, 1)

    def shown(*where: object) -> Any:
        status, out, _ = run(capsys, "models", "show", "mine", "--json", *where)
        assert status == 0
        return json.loads(out)

    assert shown("--server", address) == shown("--models", models)


def test_a_refusal_of_a_service_is_its_own_line(capsys, address: str) -> None:
    def refused(*words: object) -> str:
        line = one_line(capsys, "models", *words, "--server", address)
        return line.removeprefix(f"thalamus: {address}: ").strip()

    assert refused("pin", "mine", 9) == "version 9 is not published; published are: 1, 2, 3"
    assert refused("unpin", "mine").startswith("no version is pinned")
    assert refused("show", "mien") == "it has no model 'mien' (did you mean mine?)"
    assert refused("unpin", "mien") == "it has no model 'mien' (did you mean mine?)"
