"""Hostile requests at the addresses of every dialect: a 4xx in its form, and never a 5xx."""

import json
import random
from collections.abc import Iterator

import httpx
import pytest

from tests import media
from tests.app.api.test_fuzz import damaged
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
B64 = media.b64(media.picture())["b64"]
# A valid request at each address, and a member of its errors that only its form has.
VALID = {
    "/v1/embeddings": ({"model": "embedded-colours", "input": [B64], "dimensions": 3}, "error"),
    "/v1/models/colours:predict": (
        {"instances": [{"b64": B64}, {"image_bytes": {"b64": B64}}], "parameters": {"top_k": 2}},
        "error",
    ),
    "/v1/models/prose/versions/1:predict": ({"instances": [{"text": "The day"}]}, "error"),
    "/hf/colours": ({"inputs": B64, "parameters": {"top_k": 2}}, "error_type"),
    "/hf/moods": ({"inputs": ["good", "bad"], "parameters": {}}, "error_type"),
    "/hf/plain-colours/pipeline/feature-extraction": (
        {"inputs": B64, "normalize": True},
        "error_type",
    ),
    "/hf/embedded-colours/embed": ({"inputs": [B64, B64], "normalize": False}, "error_type"),
    "/hf/moods/predict": ({"inputs": [["good"], ["bad"]], "raw_scores": False}, "error_type"),
}
JSON = {"Content-Type": "application/json"}
BODIES = {
    "empty": b"",
    "open": b"{",
    "bytes": b"\xff\x00",
    "number": b"1",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "not a number": b'{"inputs": [NaN], "input": NaN, "instances": [NaN]}',
    "too large a number": b'{"inputs": [1e999], "input": 1e999, "instances": [1e999]}',
    "half a surrogate": b'{"inputs": "\\ud800", "input": "\\ud800", "instances": ["\\ud800"]}',
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "many lists": b'{"inputs": [' + b"[]," * 1_000_000 + b"1]}",
    "many members": b'{"model": "x"' + b',"k":1' * 500_000 + b"}",
    "many numbers": b'{"inputs": [' + b"1," * 500_000 + b'1], "input": [1]}',
    "a long name": json.dumps({"model": "a" * 100_000, "input": "a", "inputs": 1}).encode(),
}
# Values that stand in the place of each member of a valid request, in turn.
VALUES = (
    None,
    True,
    -1,
    0,
    2**63,
    1e300,
    "",
    "\x00",
    "é" * 10_000,
    [],
    [[]],
    [[[]]],
    {},
    {"a": {}},
)
VALUES += ([None], [{}], ["", ""], {"b64": None}, [{"b64": 5}], [{"b64": "!"}], [["a", "b"]])
VALUES += ("data:;base64,", "data:image/png;base64,", "data:," + "a" * 2000, ["a"] * 1000)


def refused(path: str, answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text[:300])
    assert VALID[path][1] in answer.json()
    assert len(answer.content) < 1000
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", VALID)
async def test_the_valid_request_is_answered(speaking: httpx.AsyncClient, path: str) -> None:
    answer = await speaking.post(path, json=VALID[path][0])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", VALID)
async def test_a_body_that_is_no_request_is_refused(
    speaking: httpx.AsyncClient, path: str, body: str
) -> None:
    refused(path, await speaking.post(path, content=BODIES[body], headers=JSON))


@pytest.mark.parametrize("path", VALID)
async def test_no_value_of_a_member_causes_a_5xx(speaking: httpx.AsyncClient, path: str) -> None:
    valid = VALID[path][0]
    for name in valid:
        for value in VALUES:
            answer = await speaking.post(path, json=valid | {name: value})
            assert answer.status_code == 200 or not refused(path, answer), (name, value)


def lists_in(valid: dict) -> Iterator[tuple[str, list]]:
    yield from ((name, value) for name, value in valid.items() if isinstance(value, list))


@pytest.mark.parametrize("path", VALID)
async def test_too_many_items_are_413(speaking: httpx.AsyncClient, path: str) -> None:
    for name, items in lists_in(VALID[path][0]):
        answer = await speaking.post(path, json=VALID[path][0] | {name: items[:1] * 65})
        assert answer.status_code == 413, answer.text
        refused(path, answer)


@pytest.mark.parametrize("path", VALID)
async def test_the_edge_refuses_in_the_form_of_the_dialect(dialect_models, path: str) -> None:
    async with open_service(dialect_models, max_body=1024) as client:
        refused(path, await client.post(path, content=b"a" * 2000, headers=JSON))
        unknown = JSON | {"Content-Encoding": "br"}
        answer = await client.post(path, content=b"{}", headers=unknown)
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
        refused(path, answer)
        for method in ("GET", "PUT", "DELETE"):
            answer = await client.request(method, path)
            if method != "GET":  # for which `colours:predict` may be the name of a model
                assert answer.status_code == 405 and "allow" in answer.headers
            refused(path, answer)


@pytest.mark.parametrize("path", [path for path in VALID if path != "/v1/embeddings"])
async def test_a_made_up_model_is_404(speaking: httpx.AsyncClient, path: str) -> None:
    model = path.split("/")[2 if path.startswith("/hf") else 3].partition(":")[0]
    for name in ("nobody", "%2e%2e%2fmoods", "%00", "a" * 1000, "<b>", "moods%0a"):
        answer = await speaking.post(path.replace(model, name, 1), json=VALID[path][0])
        assert answer.status_code == 404, (name, answer.text)
        assert "<b>" not in answer.text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("path", VALID)
async def test_no_damaged_body_causes_a_5xx(speaking: httpx.AsyncClient, path: str) -> None:
    random_ = random.Random(path)
    seed = json.dumps(VALID[path][0]).encode()
    for round_ in range(80):
        body = damaged(seed, random_)
        answer = await speaking.post(path, content=body, headers=JSON)
        assert answer.status_code < 500, (round_, body)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
async def test_no_damaged_file_causes_a_5xx(speaking: httpx.AsyncClient) -> None:
    random_ = random.Random(9)
    for round_ in range(80):
        body = damaged(media.picture(), random_)
        for path in ("/hf/colours", "/hf/moods", "/hf/plain-colours/pipeline/feature-extraction"):
            answer = await speaking.post(path, content=body)
            assert answer.status_code < 500, (round_, body)
