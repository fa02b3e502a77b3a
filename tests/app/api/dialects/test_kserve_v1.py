"""V1 of KServe and TensorFlow Serving: every shape of an instance, and what is refused."""

import httpx
import pytest

from tests import media

pytestmark = pytest.mark.anyio
FILE = media.b64(media.picture())
B64 = FILE["b64"]


async def predicted(client: httpx.AsyncClient, model: str, query: str = "", **body) -> list:
    answer = await client.post(f"/v1/models/{model}:predict{query}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize(
    "instance",
    [
        FILE,
        B64,
        B64.rstrip("="),
        B64.replace("+", "-").replace("/", "_"),
        f"data:image/png;base64,{B64}",
        {"image_bytes": FILE, "key": "7"},
        {"data": B64},
        {"b64": f"data:image/png;base64,{B64}"},
    ],
    ids=str,
)
async def test_a_picture_in_every_form(speaking: httpx.AsyncClient, instance) -> None:
    expected = await predicted(speaking, "colours", instances=[FILE])
    assert await predicted(speaking, "colours", instances=[instance]) == expected
    assert expected[0]["label"] == "red"


async def test_texts_are_strings(speaking: httpx.AsyncClient) -> None:
    plain, named = await predicted(
        speaking, "moods", instances=["the day is good", {"text": "the day is good"}]
    )
    assert plain == named
    assert plain["label"] == "glad"


async def test_options_are_in_the_query_or_in_the_body(speaking: httpx.AsyncClient) -> None:
    one = await predicted(speaking, "moods", "?top_k=1", instances=["good"])
    assert one == await predicted(
        speaking, "moods", instances=["good"], parameters={"top_k": 1}, signature_name=None
    )
    assert len(one[0]["top"]) == 1


async def test_a_completion_is_one_instance(speaking: httpx.AsyncClient) -> None:
    plain = await predicted(speaking, "prose", instances=["The day"])
    asked = {"text": "The day", "max_words": 2}
    short = await predicted(speaking, "prose", instances=[asked])
    assert len(short[0]["words"]) == 2
    assert plain[0]["words"][:2] == short[0]["words"]
    answer = await speaking.post("/v1/models/prose:predict", json={"instances": ["a", "b"]})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("model", "body", "status", "said"),
    [
        ("colours", {}, 422, "instances"),
        ("colours", {"instances": []}, 422, "instances"),
        ("colours", {"instances": B64}, 422, "instances"),
        ("colours", {"inputs": [B64]}, 422, "inputs: the column format is not taken"),
        ("colours", {"instances": [FILE], "signature_name": "x"}, 422, "signature_name"),
        ("colours", {"instances": [FILE], "parameters": [1]}, 422, "parameters"),
        ("colours", {"instances": [FILE], "parameters": {"topk": 1}}, 422, "did you mean top_k?"),
        ("colours", {"instances": [FILE], "parameters": {"top_k": {}}}, 422, "parameters.top_k"),
        ("colours", {"instances": [FILE, 5]}, 422, "item 1: "),
        ("colours", {"instances": [{"a": 1}]}, 422, "item 0: "),
        ("colours", {"instances": [{"a": B64, "b": B64}]}, 422, "item 0: "),
        ("colours", {"instances": ["nonsense!"]}, 422, "not valid base64"),
        ("colours", {"instances": [FILE] * 65}, 413, "at most 64 instances, got 65"),
        ("moods", {"instances": [FILE | {"media_type": "image/png"}]}, 415, "moods takes"),
        ("nobody", {"instances": ["a"]}, 404, "there is no model of that name"),
        ("prose", {"instances": [5]}, 422, "expected a string or an object"),
        ("prose", {"instances": [{}]}, 422, "text"),
        ("prose", {"instances": ["a"], "parameters": {"max_words": 1}}, 422, "parameter"),
    ],
)
async def test_what_is_not_taken_is_refused_by_name(
    speaking: httpx.AsyncClient, model: str, body: dict, status: int, said: str
) -> None:
    answer = await speaking.post(f"/v1/models/{model}:predict", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert answer.json()["error"] == answer.json()["detail"]


async def test_deep_nesting_is_refused(speaking: httpx.AsyncClient) -> None:
    nested = b'{"instances": [{"text": ' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}]}"
    answer = await speaking.post("/v1/models/prose:predict", content=nested)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "path", ["/versions/1:predict", "/versions/2:predict", "/versions/x:predict"]
)
async def test_a_version_may_be_named(speaking: httpx.AsyncClient, path: str) -> None:
    answer = await speaking.post(f"/v1/models/colours{path}", json={"instances": [FILE]})
    assert answer.status_code == (200 if path.startswith("/versions/1") else 404)
