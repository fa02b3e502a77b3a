"""Completions over HTTP: whole and streamed answers, refused requests, disconnecting clients."""

import asyncio
import json
from pathlib import Path

import pytest

from tests import fakes
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/prose/complete"
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fakes.publish_all(
        tmp_path_factory.mktemp("models"), fakes.words_bundle(), fakes.text_bundle()
    )


def events(body: str) -> list[tuple[str, dict]]:
    """Return the name and the data of each event."""
    found = []
    for block in body.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_complete_continues_a_text(folder: Path) -> None:
    async with open_service(folder) as service:
        answer = await service.post(PATH, json={"text": "The day", "max_words": 8})
        body = answer.json()
        versioned = await service.post(
            "/v1/models/prose/versions/1/complete", json={"text": "The day", "max_words": 8}
        )
    assert answer.status_code == 200 and "infer" in answer.headers["server-timing"]
    assert (body["model"], body["version"], body["finish_reason"]) == ("prose", 1, "length")
    assert body["text"] == " is good, and we are glad." == "".join(w["text"] for w in body["words"])
    assert "alternatives" not in body["words"][0] and "seed" not in body
    assert versioned.json() == body


async def test_alternatives_start_with_the_chosen_word(folder: Path) -> None:
    async with open_service(folder) as service:
        answer = await service.post(PATH, json={"text": "the", "alternatives": 3})
    for word in answer.json()["words"]:
        first = word["alternatives"][0]
        assert len(word["alternatives"]) == 3
        assert (first["word"], first["probability"]) == (word["word"], word["probability"])


async def test_complete_stream_equals_the_whole_answer(folder: Path) -> None:
    asked = {"text": "the day", "temperature": 1.0, "seed": 3, "max_words": 30, "alternatives": 2}
    async with open_service(folder) as service:
        whole = (await service.post(PATH, json=asked)).json()
        streamed = await service.post(PATH, json=asked, headers=EVENTS)
    assert streamed.headers["content-type"] == "text/event-stream"
    *words, (last, done) = events(streamed.text)
    assert {name for name, _ in words} == {"word"} and last == "done"
    assert [data for _, data in words] == whole.pop("words")
    assert done == whole
    assert done["seed"] == 3


async def test_complete_without_a_seed_returns_the_drawn_one(folder: Path) -> None:
    asked = {"text": "the day", "temperature": 2, "max_words": 30}
    async with open_service(folder) as service:
        first = (await service.post(PATH, json=asked)).json()
        again = (await service.post(PATH, json={**asked, "seed": first["seed"]})).json()
    assert again == first


async def test_concurrent_completions_equal_single_ones(folder: Path) -> None:
    asked = [{"text": text, "max_words": 25} for text in ("the", "we are", "good, and", "glad.")]
    async with open_service(folder) as service:
        alone = [(await service.post(PATH, json=each)).json() for each in asked]
        together = await asyncio.gather(*(service.post(PATH, json=each) for each in asked * 5))
    for place, answer in enumerate(together):
        assert answer.json()["text"] == alone[place % len(asked)]["text"]


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        ('{"text": ""}', 422, "got none"),
        ('{"text": " \\n "}', 422, "got none"),
        ('{"text": "the", "max_words": 0}', 422, "max_words"),
        ('{"text": "the", "max_words": 501}', 422, "max_words"),
        ('{"text": "the", "max_words": "5"}', 422, "max_words"),
        ('{"text": "the", "temperature": -1}', 422, "temperature"),
        ('{"text": "the", "temperature": NaN}', 400, "JSON"),
        ('{"text": "the", "alternatives": 51}', 422, "alternatives"),
        ('{"text": "the", "seed": 1.5}', 422, "seed"),
        ('{"text": "the", "secret": 1}', 422, "unknown member"),
        ('{"text": 5}', 422, "text"),
        ("[]", 422, "dictionary"),
        ("the day", 400, "JSON"),
        ("", 400, "JSON"),
    ],
)
async def test_complete_refuses_invalid_requests(
    folder: Path, content: str, status: int, detail: str
) -> None:
    async with open_service(folder) as service:
        for headers in ({}, EVENTS):
            answer = await service.post(
                PATH, content=content, headers={"Content-Type": "application/json", **headers}
            )
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert detail in answer.json()["detail"] and "secret" not in answer.text


@pytest.mark.parametrize("size", [65_537, 10 * 2**20])
async def test_complete_refuses_a_too_long_text(folder: Path, size: int) -> None:
    async with open_service(folder) as service:
        answer = await service.post(PATH, json={"text": "a" * size})
    assert answer.status_code == 413 and "65536 characters" in answer.json()["detail"]


async def test_complete_reads_the_end_of_a_long_text_and_reports_it(folder: Path) -> None:
    async with open_service(folder) as service:
        answer = (await service.post(PATH, json={"text": "good " * 10_000 + "the"})).json()
    assert answer["text"].startswith(" day") and "only the last 16 words" in answer["truncated"]


async def test_complete_with_another_model_is_refused(folder: Path) -> None:
    async with open_service(folder) as service:
        classifier = await service.post("/v1/models/moods/complete", json={"text": "the"})
        writer = await service.post(
            "/v1/models/prose/classify", content="the", headers={"Content-Type": "text/plain"}
        )
        nobody = await service.post("/v1/models/nobody/complete", json={"text": "the"})
        image = await service.post(PATH, content="x", headers={"Content-Type": "image/png"})
    assert (
        400 <= classifier.status_code < 500 and "does not complete" in classifier.json()["detail"]
    )
    assert 400 <= writer.status_code < 500 and "does not classify" in writer.json()["detail"]
    assert (nobody.status_code, image.status_code) == (404, 415)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/json", 200),
        ("application/prompt+json", 200),
        ("text/notjson", 415),
        ("application/jsonp", 415),
    ],
)
async def test_complete_takes_json_by_each_of_its_names(
    folder: Path, content_type: str | None, status: int
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    async with open_service(folder) as service:
        answer = await service.post(PATH, content=b'{"text": "the"}', headers=headers)
    assert answer.status_code == status


async def test_disconnected_client_cancels_its_completion(folder: Path) -> None:
    async with open_service(folder) as service:
        body = json.dumps({"text": "the", "max_words": 500}).encode()
        sent: list[dict] = []
        left = asyncio.Event()
        arrived = iter([{"type": "http.request", "body": body}])

        async def receive() -> dict:
            for message in arrived:
                return message
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)
            if len(sent) == 20:
                left.set()
            await asyncio.sleep(0.005)  # a slow reader

        await service.app(_scope(), receive, send)
    words = [m for m in sent if m["type"] == "http.response.body" and m.get("body")]
    assert 18 <= len(words) < 400
    assert b"done" not in b"".join(m["body"] for m in words)


async def test_deadline_while_streaming_is_an_error_event(folder: Path) -> None:
    async with open_service(folder, deadline=0.3) as service:
        body = json.dumps({"text": "the", "max_words": 500}).encode()
        sent: list[dict] = []
        arrived = iter([{"type": "http.request", "body": body}])

        async def receive() -> dict:
            for message in arrived:
                return message
            return await asyncio.get_running_loop().create_future()

        async def send(message: dict) -> None:
            sent.append(message)
            await asyncio.sleep(0.005)

        await service.app(_scope(), receive, send)
    assert sent[0]["status"] == 200 and not sent[-1].get("more_body")
    name, problem = events(sent[-2]["body"].decode())[0]
    assert (name, problem["status"]) == ("error", 504)


async def test_openapi_describes_complete(folder: Path) -> None:
    async with open_service(folder) as service:
        paths = (await service.get("/openapi.json")).json()["paths"]
    operation = paths["/v1/models/{model}/complete"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("/CompletionRequest")
    assert "text/event-stream" in operation["responses"]["200"]["content"]


def _scope() -> dict:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"accept", b"text/event-stream")],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }


async def test_stop_at_sentence_end_over_http(folder: Path) -> None:
    async with open_service(folder) as service:
        body = {"text": "we are", "max_words": 50, "stop_at_sentence_end": True}
        answer = (await service.post(PATH, json=body)).json()
        old = await service.post(PATH, json={"text": "we are", "sentence": True})
    assert (answer["text"], answer["finish_reason"]) == (" glad.", "sentence")
    assert old.status_code == 422
    assert "did you mean stop_at_sentence_end?" in old.json()["detail"]
