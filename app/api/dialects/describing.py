"""What the dialects write into the OpenAPI document: schemas of requests, examples that are true.

The examples are golden cases of the models that are ready: requests with texts, which people can
read, and published answers.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.api.item_request import JSON
from app.bundle import GoldenCase
from app.serving.model import ServedModel

_Examples = dict[str, dict[str, Any]]
_LONGEST = 2000  # characters of a text in an example


def json_body(schema: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """Describe a request body of JSON; others: further media types."""
    content = {JSON: {"schema": dict(schema)}, **others}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}}}


def text_examples(
    ready: Sequence[ServedModel], write: Callable[[ServedModel, str], Any]
) -> _Examples:
    """Return a request for each model whose golden case is a text; `write` may return None."""
    requests: _Examples = {}
    for model in ready:
        if model.example is None:
            continue
        payload, case = model.example
        if not case.media_type.startswith("text/") or len(payload) > _LONGEST:
            continue
        if (value := write(model, payload.decode("utf-8", "replace"))) is not None:
            name = model.manifest.name
            requests[name] = {"summary": f"{name}: {case.file}", "value": value}
    return requests


def answer_examples(
    ready: Sequence[ServedModel], write: Callable[[ServedModel, GoldenCase], Any]
) -> _Examples:
    """Return what a dialect answers to the golden case of each model; `write` may return None."""
    answers: _Examples = {}
    for model in ready:
        if model.example is not None:
            case = model.example[1]
            if (value := write(model, case)) is not None:
                name = model.manifest.name
                answers[name] = {"summary": f"{name}: {case.file}", "value": value}
    return answers


def add_examples(operation: dict[str, Any], requests: _Examples, answers: _Examples) -> None:
    """Add examples of JSON to an operation."""
    if requests:
        body = copy.deepcopy(operation["requestBody"])  # routes may share one
        body["content"][JSON]["examples"] = requests
        operation["requestBody"] = body
    if answers:
        operation["responses"]["200"]["content"][JSON]["examples"] = answers
