"""The form of an error, by the address that was asked: one table.

Statuses and headers are those of `app.api.problems` everywhere. Below the address of a dialect the
body has the members that its clients read; what it says is the same.
"""

from collections.abc import Callable
from typing import Any

import orjson

PROBLEM = "application/problem+json"
_JSON = "application/json"
_Body = dict[str, Any]
_FAILURE = 500  # and above: the client cannot correct it


def _beside(problem: _Body) -> _Body:
    """RFC 9457's members, and `error`, which clients of KServe and Triton read.

    KServe's reads it only if the media type is `application/json`.
    """
    return {**problem, "error": problem["detail"]}


# OpenAI's names of errors that have another title in HTTP.
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def _openai(problem: _Body) -> _Body:
    status = problem["status"]
    kind = "invalid_request_error" if status < _FAILURE else "server_error"
    code = _CODES.get(status, problem["title"].lower().replace(" ", "_"))
    error = {"message": problem["detail"], "type": kind, "param": None, "code": code}
    return {"error": error, "request_id": problem["request_id"]}


# Text Embeddings Inference's names of kinds of errors.
_KINDS = {413: "Validation", 422: "Validation", 429: "Overloaded", 503: "Overloaded"}


def _hugging_face(problem: _Body) -> _Body:
    status = problem["status"]
    kind = _KINDS.get(status, "Backend" if status >= _FAILURE else "Validation")
    return {"error": problem["detail"], "error_type": kind, "request_id": problem["request_id"]}


# An address that is the first text or goes on with a slash, and ends with the second.
_FORMS: tuple[tuple[str, str, Callable[[_Body], _Body], str], ...] = (
    ("/v2", "", _beside, _JSON),
    ("/v1/models", ":predict", _beside, _JSON),
    ("/v1/embeddings", "", _openai, _JSON),
    ("/hf", "", _hugging_face, _JSON),
)


def write_error(problem: _Body, path: str) -> tuple[bytes, str]:
    """Return the body that answers an error at this address, and its media type."""
    for start, end, form, media_type in _FORMS:
        if path.startswith(start) and path[len(start) :][:1] in ("", "/") and path.endswith(end):
            return orjson.dumps(form(problem)), media_type
    return orjson.dumps(problem), PROBLEM
