"""A request's body as JSON, within limits that are checked before it is parsed.

orjson parses it, which refuses NaN, lone surrogates and very deep nesting. Millions of empty lists
or numbers would take much memory and hold up everybody, so their marks are counted first.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import InvalidInput, MalformedRequest

MAX_CONTAINERS = 10_000  # lists and objects in a JSON body
MAX_JSON_VALUES = 100_000  # values and members in it; three million short strings take 300 MB
_FEW = 20  # marks of JSON's structure


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """The most lists and objects, and the most values and members, that a body may hold."""

    containers: int = MAX_CONTAINERS
    values: int = MAX_JSON_VALUES


_USUAL = JsonLimits()


def parse_json_body(body: bytes, expected: str, limits: JsonLimits = _USUAL) -> Any:
    """Return what a body holds; raise `MalformedRequest`, or `InvalidInput` for too many values.

    expected: a sentence on what was expected, for that error.
    """
    if _holds_too_much(body, limits):
        raise InvalidInput(expected)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequest(f"the body is not valid JSON ({place})") from None


def _holds_too_much(body: bytes, limits: JsonLimits) -> bool:
    """Return whether the JSON has too many lists, objects or values, in less time than parsing."""
    if len(body) <= limits.containers or not _is_over(body, limits):
        return False
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # of quotes that are part of a string
    most = 2 * limits.values  # quotes
    pieces = bare.split(b'"', most + 1)  # every other one is a string
    return len(pieces) > most + 1 or _is_over(b"".join(pieces[::2]), limits)


def _is_over(text: bytes, limits: JsonLimits) -> bool:
    marks = ((b"[", limits.containers), (b"{", limits.containers), (b",", limits.values))
    return any(_has_more(text, mark, most) for mark, most in marks)


def _has_more(text: bytes, mark: bytes, most: int) -> bool:
    """Return whether a mark comes more often; `find` is much faster where few are, as in base64."""
    place = -1
    for _ in range(_FEW):
        place = text.find(mark, place + 1)
        if place < 0:
            return False
    return text.count(mark) > most
