"""OpenAI's embeddings: `POST /v1/embeddings` is the task `embed` of the model in the body.

`input` is a text, or a list of texts; for a model of pictures or sounds the base64 of a file, or a
data URL. `encoding_format` is `float` or `base64` (of little-endian float32). The ids of tokens are
refused: they are those of another model's vocabulary. `usage` counts no tokens. (OpenAI's list of
models is part of `GET /v1/models`, see `app.api.catalog`.)
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import orjson
from pydantic import Field
from starlette.types import Receive, Scope, Send

from app.api.dialects.describing import add_examples, answer_examples, json_body, text_examples
from app.api.dialects.dialect import DialectRow, HttpDialect
from app.api.dialects.reading import (
    one_or_more_texts,
    read_object,
    read_strings,
    refuse_other,
    refuse_other_size,
)
from app.api.fast_path import FastRoute
from app.api.item_request import JSON, ItemRequest, Serving
from app.api.openapi import refusals
from app.bundle import GoldenCase, Registry
from app.errors import InvalidInput
from app.serving.model import ServedModel
from app.tasks.embed import EMBED, EmbedOptions, Features
from app.wire import OpenWire, Wire

_PATH = "/v1/embeddings"
_EXPECTED = 'expected {"model": "…", "input": "…"} with a text or a list of texts'
_TOKENS = (
    "input: expected texts, got the ids of tokens, which belong to another model's vocabulary; "
    "OpenAIEmbeddings of LangChain sends texts with check_embedding_ctx_length=False"
)
_ERROR = {
    "type": "object",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"enum": ["invalid_request_error", "server_error"]},
                "param": {"type": "null"},
                "code": {"type": "string"},
            },
        },
        "request_id": {"type": "string"},
    },
}


class EmbeddingsRequest(OpenWire):
    """Texts and the model that embeds them. Further members, such as `user`, change nothing."""

    model: str = Field(description="The name of a model that can embed")
    input: str | list[str] = Field(
        description="A text or several; for a model of pictures or sounds the base64 of a file"
    )
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(default=None, description="The model's own, if it is given")


class EmbeddingObject(Wire):
    """The features of one item; as a string they are the base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class TokenUsage(Wire):
    """Nothing is charged, so no tokens are counted."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class EmbeddingList(Wire):
    """The features of all items, in their order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingObject]
    model: str
    usage: TokenUsage


class EmbeddingsEndpoint:
    """Answers `POST /v1/embeddings` as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive, EMBED)
        asked = read_object(await request.body(), _EXPECTED)
        name, texts = (
            asked.get("model"),
            one_or_more_texts(asked.pop("input", None), _EXPECTED, _TOKENS),
        )
        if not isinstance(name, str):
            raise InvalidInput(_EXPECTED)
        refuse_other(asked, "encoding_format", ("float", "base64"), "expected float or base64")
        served = await request.find(name)
        request.require(EMBED)
        payloads = read_strings(texts, served, "input", self._serving.max_items)
        del texts  # the payloads are copies
        answers = await request.answer(payloads, EmbedOptions())
        refuse_other_size(asked, len(answers[0]))
        in_base64 = asked.get("encoding_format") == "base64"
        await request.send(send, orjson.dumps(_answer(served.manifest.name, answers, in_base64)))


def _answer(model: str, answers: Sequence[Features], in_base64: bool) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": place, "embedding": _written(features, in_base64)}
        for place, features in enumerate(answers)
    ]
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _written(features: Features, in_base64: bool) -> Features | str:
    if in_base64:
        return base64.b64encode(np.asarray(features, "<f4").tobytes()).decode()
    return features


def _routes(serving: Serving, _registry: Registry) -> list[FastRoute]:
    def embeddings() -> None:
        """Return the features of each text, in the form of OpenAI's API."""

    described = json_body(EmbeddingsRequest.model_json_schema())
    responses = refusals(JSON, _ERROR)
    return [
        FastRoute(
            _PATH,
            embeddings,
            EmbeddingsEndpoint(serving),
            tags=["openai"],
            response_model=EmbeddingList,
            responses=responses,
            **described,
        )
    ]


def _illustrate(paths: Mapping[str, Any], ready: Sequence[ServedModel]) -> None:
    def asked(model: ServedModel, text: str) -> dict[str, Any] | None:
        name = model.manifest.name
        return {"model": name, "input": text} if model.pipeline.can(EMBED.name) else None

    def answered(model: ServedModel, case: GoldenCase) -> dict[str, Any] | None:
        features = EMBED.example(model.manifest, case)
        return None if features is None else _answer(model.manifest.name, [features], False)

    add_examples(
        paths[_PATH]["post"], text_examples(ready, asked), answer_examples(ready, answered)
    )


_GIVES = '`{"data": [{"embedding": […], …}], …}`, floats or base64'
OPENAI = HttpDialect(
    name="openai",
    rows=(
        DialectRow(
            "embed", ("text", "tree"), f"POST {_PATH}", '`{"model", "input": "text"}`', _GIVES
        ),
        DialectRow(
            "embed",
            ("image", "audio"),
            f"POST {_PATH}",
            '`{"model", "input": "base64 or data URL"}`',
            _GIVES,
        ),
    ),
    routes=_routes,
    illustrate=_illustrate,
)
