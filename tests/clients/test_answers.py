"""What the clients return is what `/v1` answers, and their errors say what the service says."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from tests.clients.environment import HUGGING_FACE, KSERVE, OPENAI, ROOT

pytestmark = pytest.mark.slow
TEXT = "You have WON a free cruise"
PICTURE = "models/digits/1/golden/case-06-0.png"

EMBEDDINGS = """
import json, sys
import openai

address, text = sys.argv[1:]
client = openai.OpenAI(base_url=address + "/v1", api_key="none", max_retries=0)
found = {"models": [model.id for model in client.models.list()]}
found["owner"] = client.models.retrieve("spam").owned_by
create = client.embeddings.create
found["packed"] = create(model="spam", input=text).data[0].embedding
floats = create(model="spam", input=[text, "b"], encoding_format="float")
found["floats"] = [each.embedding for each in floats.data]
refused = {}
for name, asked in {
    "unknown": {"model": "nobody", "input": "a"},
    "tokens": {"model": "spam", "input": [[1, 2]]},
    "dimensions": {"model": "spam", "input": "a", "dimensions": 3},
    "task": {"model": "completion", "input": "a"},
    "many": {"model": "spam", "input": ["a"] * 1000},
}.items():
    try:
        create(**asked)
    except openai.APIStatusError as error:
        refused[name] = [type(error).__name__, error.status_code, error.body["message"]]
found["refused"] = refused
print(json.dumps(found))
"""

LANGCHAIN = """
import json, sys
from langchain_openai import OpenAIEmbeddings
from llama_index.embeddings.openai import OpenAIEmbedding

address, text = sys.argv[1:]
given = {"api_key": "none", "model": "spam"}
chain = OpenAIEmbeddings(
    base_url=address + "/v1", check_embedding_ctx_length=False, chunk_size=64, **given
)
index = OpenAIEmbedding(
    model_name="spam", api_base=address + "/v1", api_key="none", embed_batch_size=64
)
print(json.dumps({
    "query": chain.embed_query(text),
    "documents": chain.embed_documents([text] * 100)[99],
    "index": index.get_text_embedding(text),
    "batch": index.get_text_embedding_batch([text] * 100)[99],
}))
"""

PIPELINES = """
import json, sys
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

address, text, picture, sound = sys.argv[1:]
base = address + "/hf/"
client = InferenceClient(token="none")


def labels(found):
    return [[each.label, each.score] for each in found]


found = {
    "text": labels(client.text_classification(text, model=base + "spam")),
    "one": labels(client.text_classification(text, model=base + "spam", top_k=1)),
    "picture": labels(client.image_classification(picture, model=base + "digits")),
    "bytes": labels(client.image_classification(open(picture, "rb").read(), model=base + "digits")),
    "top": labels(client.image_classification(picture, model=base + "digits", top_k=2)),
    "sound": labels(client.audio_classification(sound, model=base + "spoken-digits")),
    "features": client.feature_extraction(
        text, model=base + "spam/pipeline/feature-extraction"
    ).tolist(),
    "unit": client.feature_extraction([text], model=base + "spam/embed", normalize=True).tolist(),
}
refused = []
for asked in ({"model": base + "nobody"}, {"model": base + "spam", "function_to_apply": "none"}):
    try:
        client.text_classification(text, **asked)
    except HfHubHTTPError as error:
        refused.append([error.response.status_code, error.server_message or str(error)])
found["refused"] = refused
print(json.dumps(found))
"""

PREDICT = """
import asyncio, base64, json, sys
import httpx
from kserve import InferenceRESTClient, RESTConfig

address, text, picture = sys.argv[1:]


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    b64 = base64.b64encode(open(picture, "rb").read()).decode()
    found = {"ready": await client.is_model_ready(address, "spam")}
    for name, model, instance in (
        ("text", "spam", text),
        ("picture", "digits", {"image_bytes": {"b64": b64}, "key": "1"}),
    ):
        answer = await client.infer(address, {"instances": [instance]}, model_name=model)
        found[name] = answer["predictions"][0]
    try:
        await client.infer(address, {"inputs": [text]}, model_name="spam")
    except httpx.HTTPStatusError as error:
        found["refused"] = [error.response.status_code, str(error)]
    print(json.dumps(found))


asyncio.run(main())
"""


def own(port: int, path: str, content: bytes, media_type: str) -> dict[str, Any]:
    """Return the answer of `/v1` to one item."""
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/models/{path}",
        content=content,
        headers={"Content-Type": media_type},
    ).json()
    [item] = answer.get("predictions") or [{"features": answer["embeddings"][0]}]
    return dict(item)


def pairs(item: dict[str, Any]) -> list[list[Any]]:
    return [[each["label"], pytest.approx(each["probability"], abs=1e-6)] for each in item["top"]]


def test_openai(shipped_port: int) -> None:
    found = json.loads(OPENAI.run(EMBEDDINGS, f"http://127.0.0.1:{shipped_port}", TEXT))
    features = own(shipped_port, "spam/embed", TEXT.encode(), "text/plain")["features"]
    assert {"spam", "digits", "completion"} <= set(found["models"])
    assert found["owner"] == "thalamus"
    assert found["packed"] == pytest.approx(features, abs=1e-6)
    assert found["floats"][0] == pytest.approx(features, abs=1e-5)
    refused = found["refused"]
    kinds = {name: (kind, status) for name, (kind, status, _) in refused.items()}
    assert kinds == {
        "unknown": ("NotFoundError", 404),
        "tokens": ("BadRequestError", 400),
        "dimensions": ("UnprocessableEntityError", 422),
        "task": ("NotFoundError", 404),
        "many": ("APIStatusError", 413),
    }
    assert "check_embedding_ctx_length=False" in refused["tokens"][2]
    assert "there is no model of that name" in refused["unknown"][2]


def test_langchain_and_llama_index(shipped_port: int) -> None:
    found = json.loads(OPENAI.run(LANGCHAIN, f"http://127.0.0.1:{shipped_port}", TEXT))
    features = own(shipped_port, "spam/embed", TEXT.encode(), "text/plain")["features"]
    for way in ("query", "documents", "index", "batch"):
        assert found[way] == pytest.approx(features, abs=1e-5), way


def test_hugging_face(shipped_port: int) -> None:
    sound = "models/spoken-digits/1/golden/eight.wav"
    address = f"http://127.0.0.1:{shipped_port}"
    found = json.loads(HUGGING_FACE.run(PIPELINES, address, TEXT, PICTURE, sound))
    text = pairs(own(shipped_port, "spam/classify", TEXT.encode(), "text/plain"))
    file = (ROOT / PICTURE).read_bytes()
    picture = pairs(own(shipped_port, "digits/classify", file, "image/png"))
    heard = own(shipped_port, "spoken-digits/classify", (ROOT / sound).read_bytes(), "audio/wav")
    assert (found["text"], found["one"]) == (text, text[:1])
    assert (found["picture"], found["bytes"], found["top"]) == (picture, picture, picture[:2])
    assert found["sound"] == pairs(heard)
    features = own(shipped_port, "spam/embed", TEXT.encode(), "text/plain")["features"]
    assert found["features"] == [pytest.approx(features, abs=1e-6)]
    unit = np.asarray(features) / np.linalg.norm(features)
    assert found["unit"] == [pytest.approx(unit.tolist(), abs=1e-6)]
    (unknown, first), (invalid, second) = found["refused"]
    assert (unknown, invalid) == (404, 422)
    assert "there is no model of that name" in first and "function_to_apply" in second


def test_kserve(shipped_port: int) -> None:
    found = json.loads(KSERVE.run(PREDICT, f"http://127.0.0.1:{shipped_port}", TEXT, PICTURE))
    file = (ROOT / PICTURE).read_bytes()
    assert found["ready"] is True
    for name, path, content, kind in (
        ("text", "spam/classify", TEXT.encode(), "text/plain"),
        ("picture", "digits/classify", file, "image/png"),
    ):
        expected = own(shipped_port, path, content, kind)
        assert found[name].keys() == expected.keys()
        assert found[name]["label"] == expected["label"]
        assert found[name]["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    status, said = found["refused"]
    assert status == 422 and "the column format is not taken" in said
