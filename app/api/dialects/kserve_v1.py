"""KServe's V1 protocol and TensorFlow Serving's: `POST /v1/models/{model}:predict`.

`{"instances": […]}` holds items, and `{"predictions": […]}` what the model's own task answers to
each. An instance is one of this service's own (a text, `{"b64": "…"}`), the base64 of a file as a
string, or one of these in an object under any name, where a `key` may stand beside it. For a task
that answers in steps it is one request of that task, or its text. Options of the task are in the
query, or in `parameters` of the body.

TensorFlow Serving's column format (`inputs`) and signatures other than the default are refused.
`GET /v1/models/{model}` has V1's `ready`, see `app.api.catalog`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import Field
from starlette.types import Receive, Scope, Send

from app.api.dialects.describing import add_examples, answer_examples, json_body, text_examples
from app.api.dialects.dialect import DialectRow, HttpDialect
from app.api.dialects.reading import read_object, refuse_other, takes_texts
from app.api.fast_path import FastRoute
from app.api.item_request import JSON, ItemRequest, Serving
from app.api.openapi import refusals
from app.api.payload import Instance, read_file, read_instance
from app.api.query import query_pairs
from app.api.schemas import Problem
from app.bundle import GoldenCase, Registry
from app.errors import InvalidInput, TooLarge
from app.modalities import Payload
from app.modalities.payload import SNIFFED
from app.serving.model import ServedModel
from app.tasks import Options, Task
from app.tasks.task import Steps, read_options
from app.wire import OpenWire

_PATHS = {
    "predict": "/v1/models/{model}:predict",
    "predict_version": "/v1/models/{model}/versions/{version:int}:predict",
}
_EXPECTED = 'expected {"instances": […]} with a list of items'
_DEFAULT = ("serving_default", "")


class PredictRequest(OpenWire):
    """Items, and options of the model's task. Further members change nothing."""

    instances: list[Any] = Field(
        min_length=1,
        description='Texts, {"b64": "…"}, base64 as strings, or objects with one of these',
    )
    parameters: dict[str, Any] = Field(default={}, description="Options, as in the query")


class PredictResponse(OpenWire):
    """What the model's task answers to each item."""

    predictions: list[Any]


class ProblemWithError(Problem):
    """A problem; `error` repeats its `detail`."""

    error: str


class PredictEndpoint:
    """Answers `:predict` as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        request = ItemRequest(self._serving, scope, receive)
        task = (await request.find(**scope["path_params"])).pipeline.task
        request.require(task)  # before the body is read
        asked = read_object(await request.body(), _EXPECTED)
        options = _options(asked, scope["query_string"], task)
        instances = self._instances(asked)
        if task.steps is None:
            predictions = await self._answered(request, task, instances, options)
        else:
            predictions = await _generated(request, task.steps, instances)
        await request.send(send, orjson.dumps({"predictions": predictions}))

    def _instances(self, asked: dict[str, Any]) -> list[Any]:
        refuse_other(asked, "inputs", (), f"the column format is not taken; {_EXPECTED}")
        refuse_other(asked, "signature_name", _DEFAULT, f"expected none, or {_DEFAULT[0]}")
        instances = asked.pop("instances", None)
        if not isinstance(instances, list) or not instances:
            raise InvalidInput(_EXPECTED)
        if len(instances) > self._serving.max_items:
            most = self._serving.max_items
            raise TooLarge(f"expected at most {most} instances, got {len(instances)}")
        return instances

    async def _answered(
        self, request: ItemRequest, task: Task, instances: list[Any], options: Options
    ) -> list[Any]:
        served, readers = request.served, self._serving.instances
        assert served is not None
        payloads = [_payload(each, served, readers, place) for place, each in enumerate(instances)]
        instances.clear()  # the payloads are copies
        return [task.item(answer) for answer in await request.answer(payloads, options)]


async def _generated(request: ItemRequest, steps: Steps, instances: list[Any]) -> list[Any]:
    if len(instances) > 1:
        raise TooLarge("expected one instance for a model that answers in steps, got more")
    [instance] = instances
    if isinstance(instance, str):  # the member without which there is no request
        required = (
            name for name, field in steps.request.model_fields.items() if field.is_required()
        )
        instance = {next(required): instance}
    if not isinstance(instance, dict):
        raise InvalidInput("expected a string or an object", 0)
    try:
        asked = steps.parse(orjson.dumps(instance))
    except orjson.JSONEncodeError:  # nested more deeply than orjson writes
        raise InvalidInput("expected an object without others in it", 0) from None
    served = await request.still_served()
    generation = steps.start(served.pipeline.encoder, asked)
    await request.generate(generation)
    return [steps.whole(generation)]


def _options(asked: Mapping[str, Any], query: bytes, task: Task) -> Options:
    parameters = asked.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput("expected an object in parameters")
    given = [*query_pairs(query), *parameters.items()]
    return read_options(task.options, given, "parameter", ("parameters",))


def _payload(value: Any, served: ServedModel, readers: Sequence[Instance], place: int) -> Payload:
    if isinstance(value, dict) and "b64" not in value:
        if (payload := _first(readers, value)) is not None:
            return payload
        others = [member for name, member in value.items() if name != "key"]
        if len(others) == 1 and isinstance(others[0], str | dict):
            value = others[0]
    if isinstance(value, str) and not takes_texts(served):
        return read_file(value, SNIFFED, place, "instances")
    return read_instance(value, place, readers)


def _first(readers: Sequence[Instance], value: Any) -> Payload | None:
    return next((payload for read in readers if (payload := read(value)) is not None), None)


def _routes(serving: Serving, _registry: Registry) -> list[FastRoute]:
    def predict(*, model: str) -> None:
        """Answer items with the version of a model that serves, in the form of KServe's V1."""

    def predict_version(*, model: str, version: int) -> None:
        """Answer items with one version of a model, in the form of KServe's V1."""

    answer = PredictEndpoint(serving)
    functions: tuple[Callable[..., None], ...] = (predict, predict_version)
    return [
        FastRoute(
            _PATHS[function.__name__],
            function,
            answer,
            tags=["kserve-v1"],
            response_model=PredictResponse,
            responses=refusals(JSON, ProblemWithError.model_json_schema()),
            **json_body(PredictRequest.model_json_schema()),
        )
        for function in functions
    ]


def _illustrate(paths: Mapping[str, Any], ready: Sequence[ServedModel]) -> None:
    def asked(_model: ServedModel, text: str) -> dict[str, Any]:
        return {"instances": [text]}

    def answered(model: ServedModel, case: GoldenCase) -> dict[str, Any] | None:
        shown = model.pipeline.task.example(model.manifest, case)
        return None if shown is None else {"predictions": [shown]}

    requests, answers = text_examples(ready, asked), answer_examples(ready, answered)
    for path in _PATHS.values():
        operation = paths[path.replace(":int", "")]["post"]
        add_examples(operation, requests, answers)


def _row(task: str, modalities: tuple[str, ...], instance: str) -> DialectRow:
    asks = f'`{{"instances": [{instance}]}}`'
    return DialectRow(task, modalities, f"POST {_PATHS['predict']}", asks, '`{"predictions": […]}`')


_FILE = '{"b64": "…"}'
KSERVE_V1 = HttpDialect(
    name="kserve-v1",
    rows=(
        _row("classify", ("image", "audio"), _FILE),
        _row("classify", ("text", "tree"), '"text"'),
        _row("reconstruct", ("image",), _FILE),
        _row("complete", ("text",), '"text"'),
    ),
    routes=_routes,
    illustrate=_illustrate,
)
