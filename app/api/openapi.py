"""The part of the OpenAPI description that FastAPI cannot infer.

Bodies of many forms are described by hand; the examples are golden cases of the models that
are ready, so what the docs show is what the service answers.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.schemas import Classification, Continued, Problem
from app.bundle import GoldenClasses
from app.pipeline import Classes, Pipeline

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PARTS = {
    "schema": {
        "type": "object",
        "properties": {
            "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "text": {"type": "array", "items": {"type": "string"}},
        },
    },
    "encoding": {"file": {"contentType": "image/*, audio/*, text/plain"}},
}
_INSTANCES = {
    "schema": {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "oneOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "required": ["b64"],
                            "properties": {
                                "b64": {"type": "string", "contentEncoding": "base64"},
                                "media_type": {"type": "string"},
                            },
                        },
                    ]
                },
            }
        },
    },
    "example": {"instances": ["You have WON a free cruise!!! Click here to claim your prize."]},
}
_PROBLEMS = {
    400: "The JSON or multipart body is malformed",
    404: "There is no such model or version",
    408: "The body did not arrive in time",
    413: "The body is over a limit",
    415: "The model takes other media types",
    422: "An item cannot be read; `index` says which",
    503: "Overloaded, or the model is not ready; see Retry-After",
    504: "The deadline passed",
}


def _problem(description: str) -> dict[str, Any]:
    schema = Problem.model_json_schema()
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


# For every route: instead of FastAPI's own shape of a 422.
RESPONSES: dict[int | str, dict[str, Any]] = {422: _problem("A parameter is not valid")}
CLASSIFY: dict[str, Any] = {
    "response_model": Classification,
    "responses": {status: _problem(text) for status, text in _PROBLEMS.items()},
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": (
                "The file itself with its media type, several as multipart/form-data, "
                "or JSON instances."
            ),
            "content": {
                "multipart/form-data": _PARTS,
                "application/json": _INSTANCES,
                "image/*": _BINARY,
                "audio/*": _BINARY,
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "You have WON a free cruise!!! Click here to claim your prize.",
                },
                "text/x-tree": {
                    "schema": {"type": "string"},
                    "example": "[MAX 2 9 [MIN 4 7 ] 0 ]",
                },
            },
        }
    },
}
# What an answer is, whole or as events. FastAPI describes the request by its schema.
COMPLETE: dict[str, Any] = {
    "response_model": Continued,
    "responses": {
        200: {
            "description": "The continuation; as events where Accept asks for text/event-stream",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }
    | {status: _problem(text) for status, text in _PROBLEMS.items()},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with an example of every ready model."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    ready = [entry.model.pipeline for entry in app.state.catalog.entries if entry.model]
    ready = [pipeline for pipeline in ready if pipeline.can(Classes)]
    answers = {pipeline.manifest.name: _answer(pipeline) for pipeline in ready}
    texts = {p.manifest.name: _text(p) for p in ready if p.manifest.modality in ("text", "tree")}
    for path, operations in document["paths"].items():
        if path.endswith("/classify") and answers:
            operation = operations["post"]
            operation["responses"]["200"]["content"]["application/json"]["examples"] = answers
            if texts:
                body = operation["requestBody"]["content"]
                body["text/plain"] = {"schema": {"type": "string"}, "examples": texts}
    return document


def _answer(pipeline: Pipeline) -> dict[str, Any]:
    """Return the published answer to a model's first golden case, as it goes over the wire."""
    _, case = pipeline.examples[0]
    assert isinstance(case, GoldenClasses)
    top = [{"label": label, "probability": p} for label, p in case.probabilities.items()]
    value = {
        "model": pipeline.manifest.name,
        "version": pipeline.manifest.version,
        "predictions": [{**top[0], "top": top}],
    }
    return {"summary": f"{pipeline.manifest.name}: {case.file}", "value": value}


def _text(pipeline: Pipeline) -> dict[str, Any]:
    payload, case = pipeline.examples[0]
    return {"summary": case.file, "value": payload.decode("utf-8", "replace")}
