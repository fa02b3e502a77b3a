"""A serialised ONNX graph with its external data: weights in files of their own beside it.

Exporters write large weights to such files (PyTorch's does so by default). They are files of the
bundle like any other, under the name, the location, by which the graph refers to them. ONNX Runtime
would read a location relative to the working directory; it is given the bytes instead, and a graph
whose data are not at hand is refused. The locations are read from the protobuf message itself,
because the service has no `onnx` package.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from app.errors import InvalidBundle

_LOCATION = b"location"  # the key of the entry that names the file
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protobuf
_DAMAGED = "the graph is damaged: it is no ONNX file"
_GRAPH, _NODE = 7, 1  # ModelProto's graph, GraphProto's nodes
_FORMS = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "DequantizeLinear"}
_FORMS |= {"QuantizeLinear", "Transpose"}
_ENTRIES, _PLACE = 13, 14  # TensorProto's external_data and data_location
_KEY, _VALUE = 1, 2  # StringStringEntryProto's
_EXTERNAL = 1  # the value of data_location
# The fields of onnx.proto through which a message reaches tensors: message → number → message.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
# Of these a message has one. Protobuf would merge several; no exporter writes them so.
_ONCE: Mapping[str, frozenset[int]] = {
    "attribute": frozenset({5, 6, 22}),
    "sparse": frozenset({1, 2}),
}
_WORD = 2**32  # protobuf takes tags and enumerations modulo this


@dataclass(frozen=True, slots=True)
class Graph:
    """A serialised graph, and the content of each file of external data by its location."""

    model: bytes
    external: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


def graph_of(model: bytes, files: Mapping[str, bytes]) -> Graph:
    """Return the graph with its external data from these files, by name in the bundle.

    Raises `InvalidBundle` where a file is missing.
    """
    external = {}
    for location in external_locations(model):
        name = file_name(location)
        if name not in files:
            raise InvalidBundle(f"the graph's weights are in {location!r}, which is missing")
        external[location] = files[name]
    return Graph(model, external)


def file_name(location: str) -> str:
    """Return the name in a bundle of a file of external data.

    Raises `InvalidBundle` for a location that is outside the folder of the graph.
    """
    name = posixpath.normpath(location)
    if not location or name.startswith(("/", "..")) or ".." in PurePosixPath(location).parts:
        raise InvalidBundle(
            f"the graph's weights are in {location!r}, which is outside the graph's own folder"
        )
    return name


def external_locations(model: bytes) -> tuple[str, ...]:
    """Return the locations of a serialised graph's external data, each once, in their order.

    Raises `InvalidBundle` if the message is damaged.
    """
    if _LOCATION not in model:  # as in most graphs; all of a message need not be read
        return ()
    found: dict[str, None] = {}
    waiting = [("model", memoryview(model))]
    try:
        while waiting:
            kind, message = waiting.pop()
            if kind == "tensor":
                found |= dict.fromkeys(_locations(message))
                continue
            known = _FIELDS[kind]
            _check_once(message, _ONCE.get(kind, frozenset()))
            below = [
                (known[number], value)
                for number, value in _fields(message)
                if number in known and isinstance(value, memoryview)
            ]
            waiting += reversed(below)
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidBundle(_DAMAGED) from error
    return tuple(found)


def _check_once(message: memoryview, numbers: frozenset[int]) -> None:
    """Raise `IndexError` if one of these fields comes several times."""
    found = [number for number, _ in _fields(message) if number in numbers] if numbers else []
    if len(found) != len(set(found)):
        raise IndexError("a field that a message has once comes twice")


def last_operator(model: bytes, output: str) -> str:
    """Return the operator that computes an output, past those that only change its form.

    It is empty where the graph's own nodes do not show it. Raises `InvalidBundle` if the message
    is damaged.
    """
    made_by: dict[bytes, tuple[str, bytes]] = {}
    try:
        for number, graph in _fields(memoryview(model)):
            if number == _GRAPH and isinstance(graph, memoryview):
                for kind, node in _fields(graph):
                    if kind == _NODE and isinstance(node, memoryview):
                        made_by |= _made(node)
    except IndexError as error:
        raise InvalidBundle(_DAMAGED) from error
    name = output.encode()
    operator = ""
    for _ in made_by:  # a damaged graph may have a circle
        operator, name = made_by.get(name, ("", b""))
        if operator not in _FORMS:
            break
    return operator


def _made(node: memoryview) -> dict[bytes, tuple[str, bytes]]:
    """Return a node's outputs, each with the node's operator and first input."""
    values = [(n, bytes(value)) for n, value in _fields(node) if isinstance(value, memoryview)]
    inputs = [value for number, value in values if number == 1]
    operator = next((value for number, value in values if number == 4), b"").decode(
        "ascii", "replace"
    )
    return {value: (operator, (inputs or [b""])[0]) for number, value in values if number == 2}


def _locations(tensor: memoryview) -> Iterator[str]:
    entries, external = [], False
    for number, value in _fields(tensor):
        if number == _PLACE and isinstance(value, int):
            external = value % _WORD == _EXTERNAL
        elif number == _ENTRIES and isinstance(value, memoryview):
            entries.append(value)
    for entry in entries if external else ():
        pair = {n: bytes(value) for n, value in _fields(entry) if isinstance(value, memoryview)}
        if pair.get(_KEY) == _LOCATION:
            yield pair.get(_VALUE, b"").decode()


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field; raise `IndexError` if one is cut off."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place)
        if tag >= _WORD:
            raise IndexError("a tag of more than 32 bits, which no ONNX file has")
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise IndexError(f"wire type {kind}, which no ONNX file has")
        if place + size > end:
            raise IndexError("a field is longer than its message")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that starts at `place`, and the place after it."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > 63:
            raise IndexError("a number is too long")
