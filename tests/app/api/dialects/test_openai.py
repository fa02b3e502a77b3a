"""OpenAI's list of models and embeddings: what is taken, and what is refused by name."""

import os
from pathlib import Path

import httpx
import pytest

from tests import media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/embeddings"
PICTURE = media.b64(media.picture())["b64"]
IDS = "check_embedding_ctx_length=False"


async def test_models_are_listed_for_both_kinds_of_clients(speaking: httpx.AsyncClient) -> None:
    body = (await speaking.get("/v1/models")).json()
    assert body["object"] == "list"
    assert [each["id"] for each in body["data"]] == [each["name"] for each in body["models"]]
    one = (await speaking.get("/v1/models/moods")).json()
    listed = next(each for each in body["data"] if each["id"] == "moods")
    assert listed == {name: one[name] for name in listed}
    assert (listed["object"], listed["owned_by"]) == ("model", "thalamus")
    assert one["ready"] is True and one["name"] == "moods"


async def test_a_model_is_created_when_its_serving_version_was_published(models: Path) -> None:
    os.utime(models / "moods" / "1" / "manifest.json", (1_700_000_000.5, 1_700_000_000.5))
    async with open_service(models) as client:
        assert (await client.get("/v1/models/moods")).json()["created"] == 1_700_000_000


async def test_a_model_that_failed_is_not_ready_and_not_listed(models: Path) -> None:
    (models / "moods" / "1" / "model.onnx").write_bytes(b"")
    async with open_service(models) as client:
        body = (await client.get("/v1/models")).json()
        assert "moods" in [each["name"] for each in body["models"]]
        assert "moods" not in [each["id"] for each in body["data"]]
        assert (await client.get("/v1/models/moods")).json()["ready"] is False


async def test_a_list_of_inputs_has_its_order(speaking: httpx.AsyncClient) -> None:
    inputs = [
        PICTURE,
        media.b64(media.saved(media.scene()))["b64"],
        f"data:image/png;base64,{PICTURE}",
    ]
    asked = {"model": "embedded-colours", "input": inputs, "user": "somebody", "dimensions": 3}
    body = (await speaking.post(PATH, json=asked)).json()
    assert (body["object"], body["model"]) == ("list", "embedded-colours")
    assert [each["index"] for each in body["data"]] == [0, 1, 2]
    first, other, again = (each["embedding"] for each in body["data"])
    assert first == pytest.approx(again, abs=1e-5) != other
    assert body["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"model": "nobody"}, 404, "there is no model of that name"),
        ({"model": "../colours"}, 404, "there is no model of that name"),
        ({"model": "colours"}, 404, "does not embed"),
        ({"model": ""}, 404, "there is no model of that name"),
        ({"model": 5}, 422, "expected"),
        ({"input": [[1, 2]]}, 400, IDS),
        ({"input": [1, 2]}, 400, IDS),
        ({"input": []}, 422, "at least one"),
        ({"input": None}, 422, "expected"),
        ({"input": [None]}, 422, "expected a string"),
        ({"input": [PICTURE, {}]}, 422, "item 1: expected a string"),
        ({"input": "no base64!"}, 422, "not valid base64"),
        ({"input": [PICTURE] * 65}, 413, "at most 64 strings in input, got 65"),
        ({"dimensions": 2}, 422, "dimensions: expected none, or 3"),
        ({"encoding_format": "int8"}, 422, "encoding_format: expected float or base64"),
        ({"encoding_format": []}, 422, "encoding_format: expected float or base64"),
    ],
)
async def test_what_would_change_the_answer_is_refused(
    speaking: httpx.AsyncClient, change: dict, status: int, said: str
) -> None:
    asked = {"model": "embedded-colours", "input": PICTURE} | change
    answer = await speaking.post(PATH, json=asked)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_the_request_is_counted_as_its_task(speaking: httpx.AsyncClient) -> None:
    asked = {"model": "embedded-colours", "input": PICTURE}
    answer = await speaking.post(PATH, json=asked)
    named = answer.headers["x-model-name"], answer.headers["x-model-version"]
    assert named == ("embedded-colours", "1")
    metrics = (await speaking.get("/metrics")).text
    assert 'model="embedded-colours"' in metrics and 'operation="embed"' in metrics


async def test_openapi_examples_are_answered_as_printed(speaking: httpx.AsyncClient) -> None:
    """The examples of the requests of every dialect are accepted."""
    document = (await speaking.get("/openapi.json")).json()
    asked = 0
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody", {})
        examples = body.get("content", {}).get("application/json", {}).get("examples", {})
        for name, example in examples.items():
            address = path.replace("{model}", name).replace("{version}", "1")
            answer = await speaking.post(address, json=example["value"])
            assert answer.status_code == 200, (path, name, answer.text)
            asked += 1
    assert asked >= 4
