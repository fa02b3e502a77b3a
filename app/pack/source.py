"""An ONNX file on the disk → its graph with its external data."""

import posixpath
from pathlib import Path

from app.bundle.files import CASES, MANIFEST, MODEL
from app.bundle.graph import Graph, external_locations, file_name
from app.bundle.rewrite import is_card_file
from app.errors import InvalidBundle

_OWN = {MANIFEST, MODEL, posixpath.dirname(CASES)}  # of every bundle


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
        data = (path.parent / name).resolve()
        homes = (path.parent.resolve(), path.resolve().parent)
        if not any(data.is_relative_to(home) for home in homes):
            raise InvalidBundle(f"{path.name}: its weights {location!r} lie in another folder")
        if name.partition("/")[0] in _OWN or is_card_file(name):
            raise InvalidBundle(
                f"{path.name}: its weights are in {location!r}, a name that a bundle uses for "
                "another file; export them to another name, such as weights.data"
            )
        if not data.is_file():
            raise InvalidBundle(
                f"{path.name}: its weights are in {location!r}, which is missing in {path.parent}"
            )
        external[location] = data.read_bytes()
    return Graph(model, external)
