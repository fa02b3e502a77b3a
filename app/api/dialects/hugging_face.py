"""Hugging Face's convention for tasks, with one base URL for each model: `POST /hf/{model}`.

The body is a file, as bytes with or without a media type, or `{"inputs": …, "parameters": {…}}`,
where a string is a text, or the base64 of a file for a model that reads no texts. (Without a media
type, a body that starts with `{` is JSON.) A classifier
answers `[{"label", "score"}, …]` for a picture or a sound, and a list of these for a text or for a
list of inputs. Another model answers with its features, as every model that has some does at
`/hf/{model}/pipeline/feature-extraction`, the address of that task at Hugging Face. What such an
answer has no place for (prediction set, novelty, abstention) is left out; `/v1` has it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import Field
from starlette.types import Receive, Scope, Send

from app.api.dialects.describing import add_examples, answer_examples, json_body, text_examples
from app.api.dialects.dialect import DialectRow, HttpDialect
from app.api.dialects.labels_and_features import (
    TEI_ERROR,
    LabelScore,
    inputs_for,
    label_scores,
    refuse_other_embeddings,
    shaped_features,
    shown_scores,
)
from app.api.dialects.reading import (
    read_object,
    read_string,
    read_strings,
    refuse_other,
    takes_texts,
)
from app.api.fast_path import FastRoute
from app.api.item_request import JSON, ItemRequest, Serving, header
from app.api.openapi import refusals
from app.api.payload import is_json, split_content_type
from app.bundle import GoldenCase, Registry
from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.payload import SNIFFED
from app.names import unknown_name
from app.serving.model import ServedModel
from app.tasks import Options, Task
from app.tasks.classify import CLASSIFY, ClassifyOptions
from app.tasks.embed import EMBED, EmbedOptions
from app.tasks.task import read_options
from app.wire import OpenWire

_PATHS = {
    "hugging_face": "/hf/{model}",
    "feature_extraction": "/hf/{model}/pipeline/feature-extraction",
}
_EXPECTED = 'expected a file, or {"inputs": …} with a string or a list of strings'
# What a client sends that says nothing of the body; the second is curl's default.
_UNSAID = ("", "application/x-www-form-urlencoded")
# Parameters of classification; those of features stand beside `inputs`, or among them.
_PARAMETERS = ("top_k", "function_to_apply", "truncation")
_FUNCTION = "the scores are the model's calibrated probabilities; expected softmax, or none of it"


class PipelineRequest(OpenWire):
    """Inputs, and parameters of the task."""

    inputs: str | list[str] = Field(
        description="A text or several; for a model of pictures or sounds the base64 of a file"
    )
    parameters: dict[str, Any] = Field(default={}, description="Of a classifier: `top_k`")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request: its items, what stands beside them, and whether they are a list."""

    payloads: list[Payload]
    members: Mapping[str, Any]
    parameters: Mapping[str, Any]
    is_list: bool


class PipelineEndpoint:
    """Answers one address as plain ASGI. task: of every model; None: the model's own."""

    def __init__(self, serving: Serving, task: Task | None) -> None:
        self._serving, self._task = serving, task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive)
        served = await request.find(**scope["path_params"])
        task = self._task or (EMBED if _only_embeds(served) else CLASSIFY)
        request.require(task)  # before the body is read
        content_type = header(scope, b"content-type")
        asked = self._parse(await request.body(), content_type, served)
        options = _options(task, asked)
        answers = await request.answer(asked.payloads, options)
        if task is EMBED:
            wanted = {**asked.members, **asked.parameters}
            answer = shaped_features(answers, wanted, unit_length=False)
        else:
            answer = [label_scores(each) for each in answers]
            if not (asked.is_list or takes_texts(served)):
                [answer] = answer
        await request.send(send, orjson.dumps(answer))

    def _parse(self, body: bytes, content_type: str, served: ServedModel) -> _Asked:
        media_type, parameters = split_content_type(content_type)
        if media_type in _UNSAID:
            media_type = JSON if body.startswith(b"{") else SNIFFED
        if not is_json(media_type):
            payload = Payload(body, media_type, parameters.get("charset"))
            return _Asked([payload], {}, {}, is_list=False)
        members = read_object(body, _EXPECTED)
        inputs, given = members.pop("inputs", None), members.pop("parameters", None) or {}
        if not isinstance(given, dict):
            raise InvalidInput("expected an object in parameters")
        if isinstance(inputs, list):
            payloads = read_strings(inputs, served, "inputs", self._serving.max_items)
            return _Asked(payloads, members, given, is_list=True)
        if not isinstance(inputs, str):
            raise InvalidInput(_EXPECTED)
        return _Asked([read_string(inputs, served, "inputs")], members, given, is_list=False)


def _only_embeds(served: ServedModel) -> bool:
    return served.pipeline.can(EMBED.name) and not served.pipeline.can(CLASSIFY.name)


def _options(task: Task, asked: _Asked) -> Options:
    if task is EMBED:
        refuse_other_embeddings({**asked.members, **asked.parameters})
        return EmbedOptions()
    given = asked.parameters
    for name in given:
        if name not in _PARAMETERS:
            raise InvalidInput(unknown_name("parameter", name, _PARAMETERS))
    refuse_other(given, "function_to_apply", ("softmax",), _FUNCTION)
    top_k = given.get("top_k")
    pairs = [] if top_k is None else [("top_k", top_k)]
    return read_options(ClassifyOptions, pairs, "parameter", ("parameters",))


def _routes(serving: Serving, _registry: Registry) -> list[FastRoute]:
    def hugging_face(*, model: str) -> None:
        """Classify with a model, or return features, in the form of Hugging Face's tasks."""

    def feature_extraction(*, model: str) -> None:
        """Return the features of each item, in the form of Hugging Face's tasks."""

    labels: Any = list[LabelScore] | list[list[LabelScore]] | list[list[float]]
    binary = {"schema": {"type": "string", "format": "binary"}}
    kinds = ("image/*", "audio/*", "text/plain", SNIFFED)
    described: tuple[tuple[Callable[..., None], Task | None, Any], ...] = (
        (hugging_face, None, labels),
        (feature_extraction, EMBED, list[list[float]]),
    )
    return [
        FastRoute(
            _PATHS[function.__name__],
            function,
            PipelineEndpoint(serving, task),
            tags=["hugging-face"],
            response_model=response,
            responses=refusals(JSON, TEI_ERROR),
            **json_body(PipelineRequest.model_json_schema(), **dict.fromkeys(kinds, binary)),
        )
        for function, task, response in described
    ]


def _illustrate(paths: Mapping[str, Any], ready: Sequence[ServedModel]) -> None:
    own, features = (paths[path]["post"] for path in _PATHS.values())

    def labels(model: ServedModel, case: GoldenCase) -> list[Any] | None:
        shown = CLASSIFY.example(model.manifest, case)
        if shown is None:
            return None
        top = shown_scores(shown)
        return [top] if takes_texts(model) else top

    def row(model: ServedModel, case: GoldenCase) -> list[Any] | None:
        shown = EMBED.example(model.manifest, case)
        return None if shown is None else [shown]

    add_examples(own, text_examples(ready, inputs_for(CLASSIFY)), answer_examples(ready, labels))
    add_examples(features, text_examples(ready, inputs_for(EMBED)), answer_examples(ready, row))


_OWN, _FEATURES = (f"POST {path}" for path in _PATHS.values())
_FILES, _TEXTS = 'the file, or `{"inputs": "base64"}`', '`{"inputs": "text"}`'
HUGGING_FACE = HttpDialect(
    name="hugging-face",
    rows=(
        DialectRow("classify", ("image", "audio"), _OWN, _FILES, '`[{"label", "score"}, …]`'),
        DialectRow("classify", ("text", "tree"), _OWN, _TEXTS, '`[[{"label", "score"}, …]]`'),
        DialectRow("embed", ("image", "audio"), _FEATURES, _FILES, "`[[…]]`"),
        DialectRow("embed", ("text", "tree"), _FEATURES, _TEXTS, "`[[…]]`"),
    ),
    routes=_routes,
    illustrate=_illustrate,
)
