"""The endpoint of inference requests: it parses, translates, calls `serving`, and renders."""

from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.dialects.kserve_v1 import ProblemWithError
from app.api.dialects.v2.request_form import LENGTH_HEADER, SentRequest, parse_request
from app.api.dialects.v2.response_form import render_answer
from app.api.fast_path import FastRoute
from app.api.item_request import JSON, ItemRequest, Serving, header
from app.api.openapi import refusals
from app.api.payload import split_content_type
from app.api.transfer_encoding import decode_base64, split_data_url
from app.bundle import Registry
from app.errors import InvalidInput, InvalidTensor, UnsupportedMedia
from app.modalities import Payload
from app.modalities.payload import SNIFFED, TensorPayload
from app.open_inference.answers import (
    RequestedOutput,
    answer_request,
    choose_outputs,
    count_abstained,
    tensor_options,
)
from app.open_inference.items import ReadText, invalid_item, payloads_of
from app.serving.model import ServedModel
from app.tasks.tensor_answers import TensorAnswer

TAG = "open-inference-protocol"
INFER = "/v2/models/{model}/infer"
_PLAIN = "text/plain"
_BASE64 = "base64"  # the name of MLServer's codec


class InferEndpoint:
    """Answers inference requests as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive)
        served = await request.find(**scope["path_params"])
        request.require(served.pipeline.task)
        body = await request.body()
        served = await request.still_served()
        sent = parse_request(body, header(scope, LENGTH_HEADER))
        pipeline = served.pipeline
        payloads = payloads_of(pipeline, sent.inputs, self._serving.max_items, text_reader(served))
        given = isinstance(payloads[0], TensorPayload)
        outputs = choose_outputs(pipeline, sent.outputs, given=given)
        answers = await _answers(request, sent, payloads, outputs)
        answer = answer_request(pipeline, outputs, answers)
        await request.send(send, *render_answer(served.manifest, sent, outputs, answer))


async def _answers(
    request: ItemRequest,
    sent: SentRequest,
    payloads: Sequence[Payload],
    outputs: Sequence[RequestedOutput],
) -> Sequence[TensorAnswer]:
    """Return the answers to the items; every mistake in an item is one of the request."""
    assert request.served is not None
    options = tensor_options(request.served.pipeline, outputs)
    try:
        return await request.answer(payloads, options, count_abstained, sent.seconds)
    except InvalidInput as error:
        raise invalid_item(error) from error
    except UnsupportedMedia as error:
        raise InvalidTensor(str(error)) from error


def text_reader(served: ServedModel) -> ReadText:
    """Return how texts in JSON are read: as themselves, or as files in base64.

    They are files where the content type says `base64` or a media type other than of a text, and
    where it says nothing and the model takes no text.
    """

    def read(text: str, content_type: str) -> Payload:
        declared = content_type if "/" in content_type else ""
        media_type, parameters = split_content_type(declared)
        takes_text = content_type != _BASE64 and served.accepts(_PLAIN)
        if media_type.startswith("text/") or (takes_text and not media_type):
            return Payload(text.encode(), media_type or _PLAIN, "utf-8")
        in_url, encoded = split_data_url(text)
        try:
            data = decode_base64(encoded)
        except ValueError:
            expected = "expected a file in base64, or in binary form"
            raise InvalidTensor(f"payload: {expected}") from None
        kind, own = split_content_type(in_url or "")
        return Payload(data, media_type or kind or SNIFFED, (parameters | own).get("charset"))

    return read


def infer_routes(serving: Serving, _registry: Registry) -> list[FastRoute]:
    """Return the routes of inference: with the version that serves, and with one version."""
    answer = InferEndpoint(serving)

    def infer(model: str) -> None:
        """Answer tensors with the version of a model that serves (Open Inference Protocol V2)."""

    def infer_version(model: str, version: int) -> None:
        """Answer tensors with one version of a model (Open Inference Protocol V2)."""

    by_version = INFER.replace("/infer", "/versions/{version:int}/infer")
    return [
        FastRoute(INFER, infer, answer, **_described()),
        FastRoute(by_version, infer_version, answer, **_described()),
    ]


def _described() -> dict[str, Any]:
    """Describe a request and its answer for the OpenAPI document."""
    tensors: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
    request = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {**tensors, "minItems": 1},
            "outputs": tensors,
            "parameters": {"type": "object"},
        },
    }
    answer = {
        "type": "object",
        "properties": {"model_name": {"type": "string"}, "outputs": tensors},
    }
    binary = {"schema": {"type": "string", "format": "binary"}}
    problem = ProblemWithError.model_json_schema()
    forms = {JSON: {"schema": request}, SNIFFED: binary}
    answers = {JSON: {"schema": answer}, SNIFFED: binary}
    return {
        "tags": [TAG],
        "responses": {200: {"content": answers}, **refusals(JSON, problem)},
        "openapi_extra": {"requestBody": {"required": True, "content": forms}},
    }
