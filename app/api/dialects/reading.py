"""What the dialects' JSON has in common: an object within limits, and strings that are items."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.api.json_body import parse_json_body
from app.api.payload import read_file
from app.errors import InvalidInput, MalformedRequest, TooLarge
from app.modalities import Payload
from app.modalities.payload import SNIFFED
from app.serving.model import ServedModel

_TEXT = "text/plain"


def read_object(body: bytes, expected: str) -> dict[str, Any]:
    """Return the members of a JSON body; raise `MalformedRequest`, or `InvalidInput`."""
    document = parse_json_body(body, expected)
    if not isinstance(document, dict):
        raise InvalidInput(expected)
    return document


def takes_texts(served: ServedModel) -> bool:
    """Say whether a string is a text for this model; for another it is the base64 of a file."""
    return served.accepts(_TEXT)


def read_string(value: Any, served: ServedModel, name: str, index: int | None = None) -> Payload:
    """Return the item that a string is for this model; raise `InvalidInput`.

    name: of the member, for the error text. index: its place where there are several.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"expected a string in {name}", index)
    if takes_texts(served):
        return Payload(value.encode(), _TEXT, "utf-8")
    return read_file(value, SNIFFED, index, name)


def read_strings(
    values: Sequence[Any], served: ServedModel, name: str, max_items: int
) -> list[Payload]:
    """Return the items of a list of strings, at least one; raise `InvalidInput` or `TooLarge`."""
    if not values:
        raise InvalidInput(f"expected at least one string in {name}, got none")
    if len(values) > max_items:
        raise TooLarge(f"expected at most {max_items} strings in {name}, got {len(values)}")
    several = len(values) > 1
    return [
        read_string(value, served, name, place if several else None)
        for place, value in enumerate(values)
    ]


def one_or_more_texts(value: Any, expected: str, tokens: str) -> list[Any]:
    """Return one text or a list of them as a list; raise `InvalidInput`, or `MalformedRequest`.

    tokens: what to say where they look like the ids of tokens.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise InvalidInput(expected)
    if _are_numbers(texts) or (texts and _are_numbers(texts[0])):
        raise MalformedRequest(tokens)
    return texts


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)


def refuse_other_size(given: Mapping[str, Any], size: int) -> None:
    """Raise `InvalidInput` for `dimensions` that are not the features' own number."""
    refuse_other(given, "dimensions", (size,), f"expected none, or {size} as the model has")


def refuse_other(given: Mapping[str, Any], name: str, allowed: Sequence[Any], why: str) -> None:
    """Raise `InvalidInput` for a member whose value would change the answer and is not taken.

    allowed: the values that are, besides none at all.
    """
    value = given.get(name)
    if value is not None and value not in allowed:
        raise InvalidInput(f"{name}: {why}")
