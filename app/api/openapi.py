"""The part of the OpenAPI description that FastAPI cannot infer.

Bodies of many forms are described by hand; the examples are golden cases of the models that
are ready, so what the docs show is what the service answers.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api import schemas
from app.api.schemas import Continued, Problem, Wire
from app.bundle import GoldenCase, GoldenClasses, GoldenReconstruction, Manifest
from app.bundle.tensors import NOVELTY
from app.outputs import Prediction, doubt
from app.pipeline import Classes, Features, Pipeline, Rebuilt, Wanted

# A model's golden case as its answer goes over the wire; None: it has no such answer.
Example = Callable[[Manifest, GoldenCase], dict[str, Any] | None]

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
PICTURE = {"image/png": _BINARY}
_REFUSALS = {status: _problem(text) for status, text in _PROBLEMS.items()}
_REQUEST: dict[str, Any] = {
    "required": True,
    "description": (
        "The file itself with its media type, several as multipart/form-data, or JSON instances."
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
        "text/x-tree": {"schema": {"type": "string"}, "example": "[MAX 2 9 [MIN 4 7 ] 0 ]"},
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
    | _REFUSALS,
}


def described(answer: type[Wire], *others: dict[str, Any]) -> dict[str, Any]:
    """Describe a route that takes items and gives `answer`, or `others` by media type."""
    content = {name: kind for other in others for name, kind in other.items()}
    return {
        "response_model": answer,
        "responses": _REFUSALS | ({200: {"content": content}} if content else {}),
        "openapi_extra": {"requestBody": _REQUEST},
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with an example of every ready model."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    ready = [entry.model.pipeline for entry in app.state.catalog.entries if entry.model]
    for path, operations in document["paths"].items():
        kind = _EXAMPLES.get(path.rpartition("/")[2])
        if kind is not None and "post" in operations:
            wanted, example = kind
            _illustrate(operations["post"], [p for p in ready if p.can(wanted)], example)
    return document


def _illustrate(operation: dict[str, Any], ready: list[Pipeline], example: Example) -> None:
    """Add what these models answer to their first golden cases."""
    cases = [(pipeline, *pipeline.examples[0]) for pipeline in ready]
    answers = {
        pipeline.manifest.name: {
            "summary": f"{pipeline.manifest.name}: {case.file}",
            "value": {
                "model": pipeline.manifest.name,
                "version": pipeline.manifest.version,
                **shown,
            },
        }
        for pipeline, _, case in cases
        if (shown := example(pipeline.manifest, case)) is not None
    }
    texts = {
        pipeline.manifest.name: {
            "summary": case.file,
            "value": payload.decode("utf-8", "replace"),
        }
        for pipeline, payload, case in cases
        if pipeline.manifest.modality in ("text", "tree")
    }
    if answers:
        operation["responses"]["200"]["content"]["application/json"]["examples"] = answers
    if texts:
        body = copy.deepcopy(operation["requestBody"])  # the routes share one
        body["content"]["text/plain"] = {"schema": {"type": "string"}, "examples": texts}
        operation["requestBody"] = body


def _classified(manifest: Manifest, case: GoldenCase) -> dict[str, Any] | None:
    if not isinstance(case, GoldenClasses):
        return None
    published = case.probabilities
    scores = np.asarray([published.get(label, 0.0) for label in manifest.labels], np.float32)
    known = doubt(manifest, scores, {NOVELTY: np.asarray(case.novelty or 0.0)})
    best, *_ = top = tuple(published.items())
    return {"predictions": [schemas.answer(Prediction(*best, top, **known._asdict()))]}


def _embedded(_manifest: Manifest, case: GoldenCase) -> dict[str, Any] | None:
    if not isinstance(case, GoldenReconstruction):
        return None
    return {"embeddings": [list(case.embedding)]}


def _reconstructed(_manifest: Manifest, case: GoldenCase) -> dict[str, Any] | None:
    if not isinstance(case, GoldenReconstruction):
        return None
    rebuilt = {"reconstruction_error": case.reconstruction_error, "novelty": case.novelty}
    picture = {"b64": "iVBORw0KGgo…", "media_type": "image/png"}
    return {"reconstructions": [{**rebuilt, "reconstruction": picture}]}


# By the end of a path: which models can be asked, and how the answer to a golden case looks.
_EXAMPLES: dict[str, tuple[type[Wanted[Any]], Example]] = {
    "classify": (Classes, _classified),
    "embed": (Features, _embedded),
    "reconstruct": (Rebuilt, _reconstructed),
}
