"""The labels of a packed graph: from a text file, or from the metadata that exporters write.

Known forms of metadata: Ultralytics' `names`, a dictionary from number to label as Python writes
it; Hugging Face's `id2label`, the same as JSON; `labels`, `classes` and `class_names`, a list; and
RapidOCR's `character`, one label a line.
"""

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.errors import InvalidBundle

_KEYS = ("names", "id2label", "labels", "classes", "class_names", "character")
_LINES = "character"


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of a text file, one a line; raise `InvalidBundle` for one that is twice."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidBundle(f"--labels {path}: expected a text file in UTF-8") from None
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        where = lines.index("") + 1
        raise InvalidBundle(f"--labels {path}: line {where} is empty; expected one label a line")
    return _checked(lines, f"--labels {path}", "line", first=1)


def labels_in_metadata(metadata: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the key and the labels in a graph's metadata.

    Raises `InvalidBundle` where there are none, or none in a known form.
    """
    for key in _KEYS:
        found = _parsed(metadata[key], lines=key == _LINES) if key in metadata else None
        if found is not None:
            return key, _checked(found, f"the graph's metadata {key!r}", "label", first=0)
    present = f"has {', '.join(sorted(metadata))}" if metadata else "is empty"
    raise InvalidBundle(
        "--labels is needed: a text file with one label a line; the graph's metadata, which "
        f"{present}, holds no labels in a known form"
    )


def _checked(labels: Sequence[str], source: str, word: str, first: int) -> tuple[str, ...]:
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels, first):
        places.setdefault(label, []).append(place)
    twice = [(label, found) for label, found in places.items() if len(found) > 1]
    if twice:
        named = "; ".join(
            f"{label!r} on {word}s {' and '.join(map(str, found))}" for label, found in twice[:5]
        )
        more = f"; and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise InvalidBundle(
            f"{source}: labels must differ, but {named}{more}; write for example "
            f"{twice[0][0] + ' (1)'!r}"
        )
    if len(labels) < 2:
        raise InvalidBundle(f"{source}: expected two labels or more, got {len(labels)}")
    return tuple(labels)


def _parsed(text: str, *, lines: bool) -> list[str] | None:
    """Return the labels that a value of the metadata holds; None for an unknown form."""
    if lines:
        return [line.strip() for line in text.strip().split("\n")]
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return _in_order(value)
    return None


def _in_order(value: object) -> list[str] | None:
    if isinstance(value, dict):
        numbered = {str(number): label for number, label in value.items()}
        value = [numbered.get(str(place)) for place in range(len(numbered))]
    return list(value) if isinstance(value, list | tuple) and _texts(value) else None


def _texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) and value.strip() for value in values)
