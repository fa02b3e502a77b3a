"""An ONNX file on the disk → its graph with its external data."""

import os
import posixpath
from pathlib import Path

from app.bundle.files import CASES, MANIFEST, MODEL, is_ignored
from app.bundle.graph import Graph, external_locations, file_name
from app.bundle.rewrite import is_card_file
from app.errors import InvalidBundle

_OWN = {MANIFEST, MODEL, posixpath.dirname(CASES)}  # of every bundle
_LONGEST = 100  # characters of a name in a message


def read_graph(path: Path) -> Graph:
    """Return the graph of an ONNX file, with its external data from the folder of that file.

    The folder may hold links, as caches of downloads do, but only to files beside the one that the
    graph itself is a link to. Raises `InvalidBundle` for data that are missing or elsewhere, and
    for a name that a bundle needs for another file.
    """
    model = path.read_bytes()
    external = {}
    for location in external_locations(model):
        name = file_name(location)
        if _is_taken(name):
            raise InvalidBundle(
                f"{path.name}: its weights are in {_short(location)}, a name that a bundle uses "
                "for another file or ignores; export them to another name, such as weights.data"
            )
        data = _resolved(path.parent / name)
        homes = (path.parent.resolve(), path.resolve().parent)
        if data is not None and not any(data.is_relative_to(home) for home in homes):
            raise InvalidBundle(
                f"{path.name}: its weights {_short(location)} lie in another folder"
            )
        if data is None or not os.path.isfile(data):  # noqa: PTH113  (for names too long, False)
            raise InvalidBundle(
                f"{path.name}: its weights are in {_short(location)}, which is missing in "
                f"{path.parent} or no regular file"
            )
        external[location] = data.read_bytes()
    return Graph(model, external)


def _is_taken(name: str) -> bool:
    """Return whether a bundle cannot hold weights under this name."""
    parts = name.split("/")
    return parts[0] in _OWN or is_card_file(name) or any(is_ignored(part) for part in parts)


def _resolved(path: Path) -> Path | None:
    """Return where a path leads; None for one that leads nowhere, such as a loop of links."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # no name of a file; a loop
        return None


def _short(location: str) -> str:
    return repr(location if len(location) <= _LONGEST else location[:_LONGEST] + "…")
