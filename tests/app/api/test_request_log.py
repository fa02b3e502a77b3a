"""The log's line of a request, with what an operator asks first."""

import asyncio
import json
from collections.abc import Callable

import pytest

from app.api.request_log import LINES
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH, TEXT = "/v1/models/moods/classify", {"Content-Type": "text/plain"}


@pytest.fixture
def lines(log: list[dict]) -> Callable[..., list[dict]]:
    """Return the lines of an event so far."""
    return lambda event="request": [line for line in log if line["event"] == event]


async def test_an_answer_is_logged_only_on_request(published, lines) -> None:
    async with open_service(published) as client:
        await client.post(PATH, content=b"good", headers=TEXT)
        assert lines() == []
    async with open_service(published, log_requests=True) as client:
        await client.post(PATH, json={"instances": ["good", "bad"]})
        line = lines()[-1]
    assert line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("POST", PATH, 200)
    assert (line["model"], line["version"], line["operation"]) == ("moods", 1, "classify")
    assert line["items"] == 2
    assert list(line["stages"]) == ["queue", "encode", "infer"]
    assert line["milliseconds"] >= max(line["stages"].values())
    assert "detail" not in line and "reason" not in line


async def test_a_clients_error_is_info_and_has_its_detail(published, lines) -> None:
    async with open_service(published) as client:
        answer = await client.post(PATH, content=b"x", headers={"Content-Type": "image/png"})
    [line] = lines()
    assert (line["level"], line["status"], line["model"]) == ("info", 415, "moods")
    assert line["detail"] == answer.json()["detail"]
    assert line["request_id"] == answer.headers["x-request-id"]


async def test_of_many_refusals_the_first_have_lines_and_one_says_how_many_others(
    published, lines
) -> None:
    async with open_service(published, max_queue=1) as client:
        for _ in range(LINES + 3):
            answer = await client.post(PATH, json={"instances": ["good", "bad"]})
            assert answer.status_code == 503
        assert len(lines()) == LINES
        async with asyncio.timeout(20):
            while not lines("more refusals"):
                await asyncio.sleep(0.05)
        assert [line["requests"] for line in lines("more refusals")] == [3]
        await client.post(PATH, json={"instances": ["good", "bad"]})
        assert len(lines()) == LINES + 1


async def test_a_refusal_is_a_warning_with_its_reason(published, lines) -> None:
    async with open_service(published, max_queue=1) as client:
        answer = await client.post(PATH, json={"instances": ["good", "bad"]})
    [line] = lines()
    assert (line["level"], line["status"], line["reason"]) == ("warning", 503, "queue_full")
    assert (line["model"], line["version"], line["items"]) == ("moods", 1, 2)
    assert line["detail"] == answer.json()["detail"]


async def test_an_unexpected_error_is_logged_with_its_reason(published, lines, monkeypatch) -> None:
    async with open_service(published) as client:
        served = await client.app.state.catalog.find("moods")

        async def fail(*_arguments, **_options):
            raise RuntimeError("the secret reason")

        monkeypatch.setattr(served, "answer", fail)
        answer = await client.post(PATH, content=b"good", headers=TEXT)
    [line] = lines()
    assert (answer.status_code, line["level"], line["model"]) == (500, "error", "moods")
    assert line["detail"] == "RuntimeError: the secret reason"
    assert "secret" not in answer.text
    [failed] = lines("request failed")
    assert failed["request_id"] == line["request_id"]


async def test_errors_of_fastapis_routes_have_their_detail(published, lines) -> None:
    async with open_service(published) as client:
        missing = await client.get("/v1/models/nobody")
        nowhere = await client.get("/nowhere")
    assert [line["detail"] for line in lines()] == [
        missing.json()["detail"],
        nowhere.json()["detail"],
    ]
    assert {line["level"] for line in lines()} == {"info"}
    assert not any("model" in line for line in lines())


async def test_probes_before_the_models_are_loaded_are_no_errors(tmp_path, lines) -> None:
    async with open_service(tmp_path, wait=False) as client:
        assert (await client.get("/readyz")).status_code == 503
    assert lines() == []
    async with open_service(tmp_path, wait=False, log_requests=True) as client:
        await client.get("/readyz")
    [line] = lines()
    assert (line["level"], line["status"], line["operation"]) == ("info", 503, "probe")


async def test_a_stop_removes_no_model(published, lines) -> None:
    async with open_service(published):
        pass
    assert len(lines("model ready")) == 3
    assert len(lines("stopping")) == 1
    assert lines("model removed") == []


async def test_log_lines_never_repeat_the_request(published, lines) -> None:
    async with open_service(published) as client:
        for request in (
            {"json": {"instances": [{"Marker": "Marker"}]}},
            {"content": b"\xffMarker", "headers": TEXT},
            {"content": b"x", "headers": {"Content-Type": "Marker/Marker"}},
            {"content": b"x", "params": {"Marker": "Marker"}},
        ):
            await client.post(PATH, **request)
    assert len(lines()) == 4
    assert "Marker" not in json.dumps(lines())


@pytest.mark.slow
def test_lines_of_threads_and_tasks_are_json_too(tmp_path) -> None:
    """Whatever a library, a warning or a lost task says on stderr is one line of JSON."""
    code = """
import asyncio, logging, warnings
from app.telemetry import configure_logging
configure_logging()
logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
logging.getLogger("some.library").warning("odd")
logging.getLogger("some.library").info("chatter")
warnings.warn("old")
async def fail(): raise OSError("lost")
async def main():
    asyncio.get_running_loop().create_task(fail()); await asyncio.sleep(0.01)
asyncio.run(main())
"""
    import subprocess
    import sys

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    written = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(line["logger"], line["level"]) for line in written] == [
        ("uvicorn.error", "info"),
        ("some.library", "warning"),
        ("py.warnings", "warning"),
        ("asyncio", "error"),
    ]
    assert written[0]["event"] == "Started server process [1]"
    assert "lost" in written[3]["error"]
