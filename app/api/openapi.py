"""The part of the OpenAPI document that FastAPI cannot infer.

The modalities describe the bodies that a route accepts. The examples are golden cases of the models
that are ready, so the docs show what the service answers.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.access import required_scope
from app.api.openapi_components import name_schemas, reference
from app.api.schemas import Problem
from app.bundle import Registry
from app.modalities.payload import SNIFFED
from app.serving.model import ServedModel
from app.tasks import Task
from app.tasks.task import Steps
from app.wire import Wire

_OWN = "/v1/"  # of the service's own dialect
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE = {
    "type": "object",
    "required": ["b64"],
    "additionalProperties": False,
    "properties": {
        "b64": {"type": "string", "contentEncoding": "base64"},
        "media_type": {"type": "string"},
    },
}
_TEXT_EXAMPLE = "You have WON a free cruise!!! Click here to claim your prize."
_PROBLEMS = {
    400: "The JSON or multipart body is malformed",
    404: "There is no such model or version",
    408: "The request did not arrive in time",
    413: "The body is over a limit",
    414: "The address is too long",
    415: "The model takes other media types, or the body's compression is not supported",
    421: "The service does not answer for this host",
    422: "An item cannot be read (`index` says which), or a parameter is unknown or not valid",
    431: "The head of the request is over a limit",
    503: "Overloaded, or the model is not ready; see Retry-After",
    504: "The deadline passed",
}
_PROBLEM = Problem.model_json_schema()
_CHANGE_PROBLEMS = {
    **{status: _PROBLEMS[status] for status in (400, 404, 408, 413)},
    403: "Model control is closed: the service has no keys file",
    409: "The versions of the model, or its rule, do not allow the change; `detail` says why",
    415: "The body is no application/json",
    422: "A member is unknown, missing or not valid",
    500: "The service cannot write to its folder of models",
}


def _problem(description: str, schema: Mapping[str, Any] = _PROBLEM) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


# For every route: instead of FastAPI's own shape of a 422.
RESPONSES: dict[int | str, dict[str, Any]] = {422: _problem("A parameter is not valid")}
_REFUSALS = {status: _problem(text) for status, text in _PROBLEMS.items()}


# For routes that describe a model.
MODEL_REFUSALS: dict[int | str, dict[str, Any]] = {404: _problem("There is no such model")}
# For routes that return files of a bundle.
FILE_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: _problem("There is no such model, version or file"),
    503: _problem("The model is not ready, or its file has changed; see Retry-After"),
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same"},
}
_NAMED = reference(Problem.__name__)  # for a document whose schemas have been named
_KEY_REFUSALS = {
    "401": _problem("The request has no API key, or an unknown one", _NAMED),
    "403": _problem("The API key does not have the scope that is needed here", _NAMED),
    "429": _problem("The quota of the API key is used up; see Retry-After", _NAMED),
}


def refusals(
    media_type: str, schema: dict[str, Any], statuses: Collection[int] = _PROBLEMS
) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, of one that asks models if not said, in a dialect's form."""
    content = {media_type: {"schema": schema}}
    return {
        status: {"description": text, "content": content}
        for status, text in _PROBLEMS.items()
        if status in statuses
    }


def describe_items(task: Task, registry: Registry) -> dict[str, Any]:
    """Describe a route of `task` that names a model, which takes items of every modality."""
    content = dict.fromkeys(task.renderings, _BINARY)
    return {
        "response_model": task.response(registry),
        "responses": _REFUSALS | ({200: {"content": content}} if content else {}),
        "openapi_extra": {"requestBody": _request_body(registry)},
    }


def by_media_type(described: dict[str, Any]) -> dict[str, Any]:
    """Describe the route that names no model: only the media type of a file can say which is asked.

    described: what `describe_items` returned.
    """
    body = described["openapi_extra"]["requestBody"]
    content = {kind: held for kind, held in body["content"].items() if kind != SNIFFED}
    return described | {"openapi_extra": {"requestBody": body | {"content": content}}}


def describe_generation(steps: Steps) -> dict[str, Any]:
    """Describe a route whose request is JSON; FastAPI itself adds the schema of the request."""
    events = {
        "description": "The whole answer; as server-sent events where Accept asks for "
        f"text/event-stream: `{steps.event}` with {steps.step_type.__name__} as JSON for each "
        f"step, then `done` with {steps.summary_type.__name__}, or `error` with a problem",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return {"response_model": steps.response, "responses": {200: events} | _REFUSALS}


def describe_change(request: type[Wire]) -> dict[str, Any]:
    """Describe the route of model control, which reads the JSON of its body itself."""
    schema = {"schema": request.model_json_schema(by_alias=True)}
    example = {"change": "pin", "version": 3}
    content = {"application/json": {**schema, "example": example}}
    return {
        "responses": {status: _problem(text) for status, text in _CHANGE_PROBLEMS.items()},
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _request_body(registry: Registry) -> dict[str, Any]:
    bodies = {
        media_type: dict(body)
        for modality in registry.modalities.values()
        for media_type, body in modality.bodies.items()
    }
    own = (modality.instance_schema for modality in registry.modalities.values())
    instance = {"oneOf": [*(dict(schema) for schema in own if schema), _FILE]}
    instances = {"type": "array", "minItems": 1, "items": instance}
    # Parts named `text` are taken too, but Swagger UI would send one beside every chosen file.
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "description": "The file itself with its media type, several as multipart/form-data, "
        "or JSON instances.",
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": files}},
                "encoding": {"file": {"contentType": ", ".join(bodies)}},
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["instances"],
                    "additionalProperties": False,
                    "properties": {"instances": instances},
                },
                "example": {"instances": [_TEXT_EXAMPLE]},
            },
            **bodies,
            SNIFFED: _BINARY,
        },
    }


def describe(
    app: FastAPI,
    registry: Registry,
    illustrate: Sequence[Callable[[dict[str, Any], Sequence[ServedModel]], None]],
) -> dict[str, Any]:
    """Return the OpenAPI document, with an example of every ready model.

    illustrate: of the dialects, see `HttpDialect.illustrate`.
    """
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    ready = [entry.model for entry in app.state.catalog.entries if entry.model]
    for path, operations in document["paths"].items():
        task = registry.tasks.get(path.rpartition("/")[2])
        if task is not None and path.startswith(_OWN) and "post" in operations:
            able = [model for model in ready if model.pipeline.can(task.name)]
            _illustrate(operations["post"], task, able)
            _name(operations["post"], sorted({model.manifest.name for model in able}))
    for add_examples in illustrate:
        add_examples(document["paths"], ready)
    name_schemas(document)
    return document


def describe_keys(describe: Callable[[], dict[str, Any]], tasks: Collection[str]) -> dict[str, Any]:
    """Return the document that `describe` makes, with the API keys that its operations need."""
    document = describe()
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if scope := required_scope(method.upper(), path, tasks):
                operation["security"] = [{name: [scope.value]} for name in _SCHEMES]
                operation["responses"] |= _KEY_REFUSALS
    return document


def _name(operation: dict[str, Any], models: Sequence[str]) -> None:
    """List the names of the ready models, so that people choose one instead of writing it."""
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "model" and models:
            parameter["schema"] = parameter["schema"] | {"enum": list(models)}


def _illustrate(operation: dict[str, Any], task: Task, ready: Sequence[ServedModel]) -> None:
    """Add the answers of these models to their first golden cases as examples."""
    cases = [(m.manifest, *m.example) for m in ready if m.example is not None]
    answers = {
        manifest.name: {
            "summary": f"{manifest.name}: {case.file}",
            "value": {"model": manifest.name, "version": manifest.version, task.plural: [shown]},
        }
        for manifest, _, case in cases
        if (shown := task.example(manifest, case)) is not None
    }
    texts = {
        manifest.name: {"summary": case.file, "value": payload.decode("utf-8", "replace")}
        for manifest, payload, case in cases
        if case.media_type.startswith("text/")
    }
    if answers:
        operation["responses"]["200"]["content"]["application/json"]["examples"] = answers
    if texts and task.steps is None:
        body = copy.deepcopy(operation["requestBody"])  # the routes share one
        body["content"]["text/plain"] = {"schema": {"type": "string"}, "examples": texts}
        operation["requestBody"] = body
