"""Hugging Face's task convention and Text Embeddings Inference: forms, and what is refused."""

import httpx
import numpy as np
import pytest

from app import __version__
from tests import media

pytestmark = pytest.mark.anyio
PICTURE = media.picture()
B64 = media.b64(PICTURE)["b64"]
FORM = "application/x-www-form-urlencoded"  # of curl, where nothing else is said


async def asked(client: httpx.AsyncClient, path: str, **request) -> list:
    answer = await client.post(f"/hf/{path}", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_picture_has_a_flat_list_of_labels(speaking: httpx.AsyncClient) -> None:
    flat = await asked(speaking, "colours", content=PICTURE)
    assert set(flat[0]) == {"label", "score"} and flat[0]["label"] == "red"
    assert [each["score"] for each in flat] == sorted((e["score"] for e in flat), reverse=True)
    headers = {"Content-Type": "image/png"}
    assert await asked(speaking, "colours", content=PICTURE, headers=headers) == flat
    body = {"inputs": B64, "parameters": {"top_k": 2, "function_to_apply": "softmax"}}
    assert await asked(speaking, "colours", json=body) == flat[:2]
    several = await asked(speaking, "colours", json={"inputs": [B64, B64]})
    assert [each[0]["label"] for each in several] == ["red", "red"]


async def test_a_text_has_a_nested_list_of_labels(speaking: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/plain"}
    for request in (
        {"json": {"inputs": "good", "parameters": {}, "options": {"wait_for_model": True}}},
        {"json": {"inputs": ["good"]}},
        {"content": b"good", "headers": headers},
        {"content": b"good"},
        {"content": b'{"inputs": "good"}'},
        {"content": b"good", "headers": {"Content-Type": FORM}},
        {"content": b'{"inputs": "good"}', "headers": {"Content-Type": FORM}},
    ):
        [labels] = await asked(speaking, "moods", **request)
        assert [each["label"] for each in labels] == ["glad", "sad"]


async def test_a_model_that_only_embeds_gives_features(speaking: httpx.AsyncClient) -> None:
    [features] = await asked(speaking, "plain-colours", content=PICTURE)
    path = "plain-colours/pipeline/feature-extraction"
    assert await asked(speaking, path, content=PICTURE) == [features]
    scaled = {"inputs": B64, "normalize": True}
    [unit] = await asked(speaking, path, json=scaled)
    assert np.linalg.norm(unit) == pytest.approx(1)
    assert np.allclose(np.asarray(features) / np.linalg.norm(features), unit)


async def test_tei_predicts_one_text_or_a_batch(speaking: httpx.AsyncClient) -> None:
    one = await asked(speaking, "moods/predict", json={"inputs": "good"})
    assert [each["label"] for each in one] == ["glad", "sad"]
    assert await asked(speaking, "moods/predict", json={"inputs": ["good"]}) == one
    batch = {"inputs": [["good"], ["bad"]], "raw_scores": False, "truncate": True}
    labels = await asked(speaking, "moods/predict", json=batch)
    assert [each[0]["label"] for each in labels] == ["glad", "sad"]


async def test_tei_embeds_to_unit_length(speaking: httpx.AsyncClient) -> None:
    body = {"inputs": [B64, B64], "truncate": True}
    rows = await asked(speaking, "embedded-colours/embed", json=body)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1])


async def test_tei_describes_the_model(speaking: httpx.AsyncClient) -> None:
    info = (await speaking.get("/hf/moods/info")).json()
    ids = {"glad": 0, "sad": 1}
    labels = {"0": "glad", "1": "sad"}
    assert info["model_type"] == {"classifier": {"id2label": labels, "label2id": ids}}
    assert (info["model_id"], info["version"]) == ("moods", __version__)
    assert (info["max_input_length"], info["max_client_batch_size"]) == (16, 64)
    other = (await speaking.get("/hf/plain-colours/info")).json()
    assert set(other["model_type"]) == {"embedding"}
    assert (await speaking.get("/hf/moods/health")).status_code == 200
    for path in ("health", "info"):
        unknown = await speaking.get(f"/hf/nobody/{path}")
        assert (unknown.status_code, unknown.json()["error_type"]) == (404, "Validation")


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("nobody", {"inputs": "a"}, 404, "there is no model of that name"),
        ("prose", {"inputs": "a"}, 404, "does not classify"),
        ("moods/embed", {"inputs": "a"}, 404, "does not embed"),
        ("plain-colours/predict", {"inputs": B64}, 404, "does not classify"),
        ("moods", {}, 422, "inputs"),
        ("moods", {"inputs": 5}, 422, "inputs"),
        ("moods", {"inputs": {"text": "a"}}, 422, "inputs"),
        ("moods", {"inputs": []}, 422, "at least one"),
        ("moods", {"inputs": ["a"] * 65}, 413, "at most 64 strings in inputs, got 65"),
        ("moods", {"inputs": "a", "parameters": 5}, 422, "parameters"),
        ("moods", {"inputs": "a", "parameters": {"topk": 1}}, 422, "did you mean top_k?"),
        ("moods", {"inputs": "a", "parameters": {"top_k": 0}}, 422, "parameters.top_k"),
        (
            "moods",
            {"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}},
            422,
            "function_to_apply: the scores are",
        ),
        ("moods/predict", {"inputs": ["a", "b"]}, 422, "pair"),
        ("moods/predict", {"inputs": [["a", "b"]]}, 422, "pair"),
        ("moods/predict", {"inputs": "a", "raw_scores": True}, 422, "raw_scores: "),
        ("moods/predict", {"inputs": "a", "raw_scores": "no"}, 422, "true or false"),
        ("moods/predict", {"inputs": [[5]]}, 422, "expected a string"),
        ("embedded-colours/embed", {"inputs": [1, 2]}, 400, "ids of tokens"),
        ("embedded-colours/embed", {"inputs": [[1, 2]]}, 400, "ids of tokens"),
        ("embedded-colours/embed", {"inputs": B64, "normalize": "yes"}, 422, "normalize: "),
        ("embedded-colours/embed", {"inputs": B64, "prompt_name": "q"}, 422, "prompt_name: "),
        ("embedded-colours/embed", {"inputs": B64, "dimensions": 2}, 422, "dimensions: "),
        (
            "embedded-colours/embed",
            {"inputs": B64, "truncation_direction": "Left"},
            422,
            "truncation_direction: ",
        ),
    ],
)
async def test_what_would_change_the_answer_is_refused(
    speaking: httpx.AsyncClient, path: str, body: dict, status: int, said: str
) -> None:
    answer = await speaking.post(f"/hf/{path}", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert set(answer.json()) == {"error", "error_type", "request_id"}


async def test_a_declared_media_type_of_another_kind_is_refused(
    speaking: httpx.AsyncClient,
) -> None:
    for kind in ("image/png", "multipart/form-data", "application/pdf"):
        answer = await speaking.post("/hf/moods", content=b"good", headers={"Content-Type": kind})
        assert answer.status_code == 415
