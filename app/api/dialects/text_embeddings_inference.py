"""Text Embeddings Inference's own API under the base URL of each model, `/hf/{model}`.

`POST …/embed` gives features, of unit length unless `normalize` is false, as that server's are;
`POST …/predict` every label with its score; `GET …/info` and `GET …/health` describe the model.
`inputs` are texts, or the base64 of files for a model that reads no texts. The ids of tokens, pairs
of texts and raw scores are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.dialects.describing import add_examples, answer_examples, json_body, text_examples
from app.api.dialects.dialect import DialectRow, HttpDialect
from app.api.dialects.labels_and_features import (
    TEI_ERROR,
    LabelScore,
    inputs_for,
    label_scores,
    read_flag,
    refuse_other_embeddings,
    shaped_features,
    shown_scores,
)
from app.api.dialects.reading import one_or_more_texts, read_object, read_strings, refuse_other
from app.api.fast_path import FastRoute
from app.api.item_request import JSON, ItemRequest, Serving
from app.api.openapi import refusals
from app.api.query import no_query
from app.bundle import GoldenCase, Registry
from app.errors import InvalidInput
from app.serving.model import ServedModel
from app.tasks.classify import ALL, CLASSIFY, ClassifyOptions
from app.tasks.embed import EMBED, EmbedOptions
from app.wire import OpenWire, Wire

_EMBED, _PREDICT = "/hf/{model}/embed", "/hf/{model}/predict"
_EXPECTED = 'expected {"inputs": …} with a text or a list of texts'
_TOKENS = "inputs: expected texts, got the ids of tokens"
_PAIR = "inputs: expected one text, or a list of lists with one text each; got a pair of texts"
_RAW = "the model gives probabilities only"


class EmbedTexts(OpenWire):
    """Texts, and how their features are returned."""

    inputs: str | list[str] = Field(
        description="A text or several; for a model of pictures or sounds the base64 of a file"
    )
    normalize: bool = Field(default=True, description="Divide the features by their length")
    truncate: bool = Field(default=False, description="Changes nothing: long inputs are shortened")


class PredictTexts(OpenWire):
    """Texts to classify: one, or a list of lists of one."""

    inputs: str | list[str] | list[list[str]]
    truncate: bool = Field(default=False, description="Changes nothing: long inputs are shortened")


class ServerInfo(Wire):
    """What Text Embeddings Inference says about its one model, as far as it is so here."""

    model_id: str
    model_sha: str | None = None
    model_dtype: str
    model_type: dict[str, Any]
    max_input_length: int | None
    max_client_batch_size: int
    auto_truncate: bool = True
    version: str


class EmbedTextsEndpoint:
    """Answers `/embed` as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive, EMBED)
        served = await request.find(**scope["path_params"])
        request.require(EMBED)  # before the body is read
        asked = read_object(await request.body(), _EXPECTED)
        texts = one_or_more_texts(asked.pop("inputs", None), _EXPECTED, _TOKENS)
        refuse_other_embeddings(asked)
        payloads = read_strings(texts, served, "inputs", self._serving.max_items)
        del texts  # the payloads are copies
        answers = await request.answer(payloads, EmbedOptions())
        await request.send(send, orjson.dumps(shaped_features(answers, asked, unit_length=True)))


class PredictTextsEndpoint:
    """Answers `/predict` as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive, CLASSIFY)
        served = await request.find(**scope["path_params"])
        request.require(CLASSIFY)  # before the body is read
        asked = read_object(await request.body(), _EXPECTED)
        texts, is_batch = _texts(asked.pop("inputs", None))
        if read_flag(asked, "raw_scores", False):
            raise InvalidInput(f"raw_scores: {_RAW}")
        refuse_other(asked, "truncation_direction", ("right", "Right"), "expected right")
        payloads = read_strings(texts, served, "inputs", self._serving.max_items)
        del texts  # the payloads are copies
        answers = await request.answer(payloads, ClassifyOptions(top_k=ALL))
        labels = [label_scores(each) for each in answers]
        await request.send(send, orjson.dumps(labels if is_batch else labels[0]))


def _texts(inputs: Any) -> tuple[list[Any], bool]:
    """Return the texts, and whether they are a batch."""
    if isinstance(inputs, str):
        return [inputs], False
    if not isinstance(inputs, list) or not inputs:
        raise InvalidInput(_EXPECTED)
    if not isinstance(inputs[0], list):
        if len(inputs) > 1:
            raise InvalidInput(_PAIR)
        return inputs, False
    if any(not isinstance(each, list) or len(each) != 1 for each in inputs):
        raise InvalidInput(_PAIR)
    return [text for [text] in inputs], True


def _routes(serving: Serving, _registry: Registry) -> list[FastRoute]:
    def tei_embed(*, model: str) -> None:
        """Return the features of each text, in the form of Text Embeddings Inference."""

    def tei_predict(*, model: str) -> None:
        """Classify texts, in the form of Text Embeddings Inference."""

    labels: Any = list[LabelScore] | list[list[LabelScore]]
    described: tuple[tuple[str, Callable[..., None], Any, type[OpenWire], Any], ...] = (
        (_EMBED, tei_embed, EmbedTextsEndpoint(serving), EmbedTexts, list[list[float]]),
        (_PREDICT, tei_predict, PredictTextsEndpoint(serving), PredictTexts, labels),
    )
    return [
        FastRoute(
            path,
            function,
            answer,
            tags=["text-embeddings-inference"],
            response_model=response,
            responses=refusals(JSON, TEI_ERROR),
            **json_body(request.model_json_schema()),
        )
        for path, function, answer, request, response in described
    ]


router = APIRouter(
    prefix="/hf/{model}",
    tags=["text-embeddings-inference"],
    dependencies=[Depends(no_query)],
    responses=refusals(JSON, TEI_ERROR, (404, 421, 422, 503)),
)


@router.get("/info")
async def info(request: Request, model: str) -> ServerInfo:
    """Describe a model, in the form of Text Embeddings Inference."""
    serving: Serving = request.app.state.serving
    served = await serving.catalog.find(model)
    manifest = served.manifest
    labels = {str(place): label for place, label in enumerate(manifest.labels)}
    kind: dict[str, Any] = {"embedding": {"pooling": "model"}}
    if served.pipeline.can(CLASSIFY.name):
        ids = {label: place for place, label in enumerate(manifest.labels)}
        kind = {"classifier": {"id2label": labels, "label2id": ids}}
    return ServerInfo(
        model_id=manifest.name,
        model_dtype=manifest.precision,
        model_type=kind,
        max_input_length=getattr(manifest.encoder, "max_tokens", None),
        max_client_batch_size=serving.max_items,
        version=__version__,
    )


@router.get("/health", response_class=Response)
async def health(request: Request, model: str) -> Response:
    """Say whether a model can answer: 503 if it cannot."""
    await request.app.state.catalog.find(model)
    return Response()


def _illustrate(paths: Mapping[str, Any], ready: Sequence[ServedModel]) -> None:
    def features(model: ServedModel, case: GoldenCase) -> list[Any] | None:
        shown = EMBED.example(model.manifest, case)
        return None if shown is None else shaped_features([tuple(shown)], {}, unit_length=True)

    def labels(model: ServedModel, case: GoldenCase) -> list[Any] | None:
        shown = CLASSIFY.example(model.manifest, case)
        # A golden case holds the first labels only.
        if shown is None or len(shown["top"]) < len(model.manifest.labels):
            return None
        return shown_scores(shown)

    embed, predict = paths[_EMBED]["post"], paths[_PREDICT]["post"]
    add_examples(embed, text_examples(ready, inputs_for(EMBED)), answer_examples(ready, features))
    add_examples(
        predict, text_examples(ready, inputs_for(CLASSIFY)), answer_examples(ready, labels)
    )


_TEXT, _FILE = '`{"inputs": "text"}`', '`{"inputs": "base64"}`'
_ALL = '`[{"label", "score"}, …]`, all labels'
_UNIT = "`[[…]]`, of unit length"
TEXT_EMBEDDINGS_INFERENCE = HttpDialect(
    name="text-embeddings-inference",
    rows=(
        DialectRow("classify", ("image", "audio"), f"POST {_PREDICT}", _FILE, _ALL),
        DialectRow("classify", ("text", "tree"), f"POST {_PREDICT}", _TEXT, _ALL),
        DialectRow("embed", ("image", "audio"), f"POST {_EMBED}", _FILE, _UNIT),
        DialectRow("embed", ("text", "tree"), f"POST {_EMBED}", _TEXT, _UNIT),
    ),
    routes=_routes,
    router=router,
    illustrate=_illustrate,
)
