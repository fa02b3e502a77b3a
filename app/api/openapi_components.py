"""Each named schema stands in the OpenAPI document once, below `components`.

FastAPI does so for the models that it knows as answers. What the routes describe themselves, the
requests that they parse and the errors, it writes out wherever it is used: generators of clients
would then make a type for each place, or refuse.
"""

from collections.abc import Iterator
from typing import Any

_PLACE = "#/components/schemas/"


def name_schemas(document: dict[str, Any]) -> None:
    """Move the schemas of bodies that are called as a type is to `components`; refer to them.

    Raises ValueError if two that differ have one name.
    """
    named = document.setdefault("components", {}).setdefault("schemas", {})
    for content in _contents(document):
        schema = content.get("schema", {})
        name = schema.get("title", "")
        if schema.get("type") != "object" or not name.isidentifier():
            continue
        if named.setdefault(name, schema) != schema:
            raise ValueError(f"two schemas that differ are called {name}")
        content["schema"] = reference(name)


def reference(name: str) -> dict[str, str]:
    """Return a reference to the schema of that name."""
    return {"$ref": f"{_PLACE}{name}"}


def _contents(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what each media type of each request and answer holds.

    The routes may share the dictionaries, so each is replaced by a copy first.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            request = operation.get("requestBody")
            answers = operation["responses"]
            if request is not None:
                operation["requestBody"] = request = _copied(request)
                yield from request["content"].values()
            for status, answer in answers.items():
                if "content" in answer:
                    answers[status] = _copied(answer)
                    yield from answers[status]["content"].values()


def _copied(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"content": {kind: dict(held) for kind, held in body["content"].items()}}
