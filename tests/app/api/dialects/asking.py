"""One item asked for at each address of the dialects, and its answer in the words of `/v1`.

Labels are pairs of a label and its probability, best first; features a list of numbers; of the
other tasks it is the item of the answer.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from app.tasks.reconstruct import encode_png
from tests.app.api.dialects.v2_messages import as_json, message, outputs, payload


@dataclass(frozen=True)
class Item:
    """An item for a model. task: what is wanted."""

    model: str
    task: str
    data: bytes
    media_type: str

    @property
    def string(self) -> str:
        """The item in JSON, for the dialects that take strings."""
        if self.media_type.startswith("text/"):
            return self.data.decode()
        return base64.b64encode(self.data).decode()


async def answer_of(client: httpx.AsyncClient, path: str, **request: Any) -> Any:
    answer = await client.post(path, **request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["server-timing"].startswith("queue")
    return answer.json()


async def own(client: httpx.AsyncClient, item: Item) -> Any:
    path = f"/v1/models/{item.model}/{item.task}"
    if item.task == "complete":
        whole = await answer_of(client, path, json={"text": item.string})
        return {name: whole[name] for name in whole if name not in ("model", "version")}
    whole = await answer_of(
        client, path, content=item.data, headers={"Content-Type": item.media_type}
    )
    [answer] = next(value for name, value in whole.items() if name not in ("model", "version"))
    if item.task == "classify":
        return [(each["label"], each["probability"]) for each in answer["top"]]
    return answer


async def openai(client: httpx.AsyncClient, item: Item) -> Any:
    asked = {"model": item.model, "input": item.string}
    floats = (await answer_of(client, "/v1/embeddings", json=asked))["data"]
    asked |= {"input": [item.string], "encoding_format": "base64"}
    packed = (await answer_of(client, "/v1/embeddings", json=asked))["data"]
    unpacked = np.frombuffer(base64.b64decode(packed[0]["embedding"]), "<f4")
    assert unpacked.tolist() == floats[0]["embedding"]
    return floats[0]["embedding"]


async def kserve_v1(client: httpx.AsyncClient, item: Item) -> Any:
    is_text = item.media_type.startswith("text/")
    instance = item.string if is_text else {"b64": item.string}
    for path in (f"/v1/models/{item.model}:predict", f"/v1/models/{item.model}/versions/1:predict"):
        answer = await answer_of(client, path, json={"instances": [instance]})
    [prediction] = answer["predictions"]
    if item.task == "classify":
        return [(each["label"], each["probability"]) for each in prediction["top"]]
    return prediction


def labels_of(answer: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(each["label"], each["score"]) for each in answer]


async def hugging_face(client: httpx.AsyncClient, item: Item) -> Any:
    path, parameters = f"/hf/{item.model}", {"inputs": item.string, "parameters": {}}
    answer = await answer_of(client, path, json=parameters)
    if item.media_type.startswith("text/"):
        [answer] = answer
    else:
        assert answer == await answer_of(client, path, content=item.data), "without a media type"
    return labels_of(answer)


async def feature_extraction(client: httpx.AsyncClient, item: Item) -> Any:
    path = f"/hf/{item.model}/pipeline/feature-extraction"
    [features] = await answer_of(client, path, json={"inputs": item.string})
    return features


async def tei_predict(client: httpx.AsyncClient, item: Item) -> Any:
    path = f"/hf/{item.model}/predict"
    answer = await answer_of(client, path, json={"inputs": item.string})
    batch = await answer_of(client, path, json={"inputs": [[item.string], [item.string]]})
    assert [labels for labels, _ in map(top, batch)] == [top(answer)[0]] * 2
    return labels_of(answer)


def top(labels: list[dict[str, Any]]) -> tuple[str, float]:
    return labels_of(labels)[0]


async def tei_embed(client: httpx.AsyncClient, item: Item) -> Any:
    """Return the features as they are; by default they have unit length."""
    path, asked = f"/hf/{item.model}/embed", {"inputs": item.string}
    [features] = await answer_of(client, path, json=asked | {"normalize": False})
    [unit] = await answer_of(client, path, json=asked)
    assert np.allclose(np.asarray(features) / np.linalg.norm(features), unit, atol=1e-6)
    return features


async def open_inference(client: httpx.AsyncClient, item: Item) -> Any:
    """Send files in binary form, and texts in JSON; the answers are of the other form."""
    given, binary = payload(item.data), False
    if item.media_type.startswith("text/"):
        given, binary = as_json("payload", "BYTES", [1], [item.string]), True
    names = {
        "classify": ["probabilities"],
        "embed": ["embedding"],
        "reconstruct": ["reconstruction_error", "novelty", "reconstruction"],
    }[item.task]
    asked = [{"name": name, "parameters": {"binary_data": binary}} for name in names]
    if item.task == "classify":
        asked[0]["parameters"]["classification"] = 5
    path = f"/v2/models/{item.model}/infer"
    found = outputs(await client.post(path, **message(given, outputs=asked)))
    if item.task == "classify":
        ranked = [each.split(":", 2) for each in found["probabilities"][0]]
        return [(label, float(value)) for value, _, label in ranked]
    if item.task == "embed":
        return found["embedding"][0].tolist()
    levels = np.clip(np.rint(found["reconstruction"][0]), 0, 255).astype(np.uint8)
    picture = {"b64": base64.b64encode(encode_png(levels)).decode(), "media_type": "image/png"}
    numbers = {name: found[name][0] for name in names[:2]}
    return {**numbers, "reconstruction": picture}


Ask = Callable[[httpx.AsyncClient, Item], Awaitable[Any]]
ASK: Mapping[str, Ask] = {
    "POST /v1/embeddings": openai,
    "POST /v1/models/{model}:predict": kserve_v1,
    "POST /v2/models/{model}/infer": open_inference,
    "POST /hf/{model}": hugging_face,
    "POST /hf/{model}/pipeline/feature-extraction": feature_extraction,
    "POST /hf/{model}/embed": tei_embed,
    "POST /hf/{model}/predict": tei_predict,
}
