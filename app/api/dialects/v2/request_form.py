"""The body of an inference request → its tensors: JSON, after which binary tensors may follow.

The header `Inference-Header-Content-Length` says how many bytes of the body, as it is after
decompression, are JSON; the rest are the tensors of those inputs that declare `binary_data_size`,
in their order. The media type says nothing about it, and many clients send none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from app.api.json_body import JsonLimits, parse_json_body
from app.errors import InvalidInput, InvalidTensor, NotOffered, TooLarge
from app.open_inference.answers import RequestedOutput
from app.open_inference.sent_tensor import SentTensor

LENGTH_HEADER = b"inference-header-content-length"
BINARY_SIZE = "binary_data_size"
MAX_TENSORS = 64  # inputs, and outputs, of a request
MAX_SENT_AXES = 16
# A picture of 224 x 224 in JSON, nested by rows and columns. Larger ones are sent in binary form.
LIMITS = JsonLimits(containers=60_000, values=200_000)
_DIGITS = 20  # of a length
_MICROSECONDS = 1e-6
_EXPECTED = 'expected a JSON object such as {"inputs": [{"name": …, "shape": …, …}]}'
_SHARED_MEMORY = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")
_SEQUENCE = ("sequence_id", "sequence_start", "sequence_end")


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One inference request.

    binary: whether outputs that do not say so themselves are sent in binary form. seconds: until
    the client does not want the answer any more.
    """

    id: str | None
    inputs: Sequence[SentTensor]
    outputs: Sequence[RequestedOutput]
    binary: bool
    seconds: float


def parse_request(body: bytes, length: str) -> SentRequest:
    """Return the request in a body; raise a `ClientError`. length: the header's, or nothing."""
    size = _json_size(body, length)
    try:
        document = parse_json_body(body if size == len(body) else body[:size], _EXPECTED, LIMITS)
    except InvalidInput:
        raise TooLarge(
            f"expected at most {LIMITS.values} values and {LIMITS.containers} lists in JSON; "
            "send larger tensors in binary form"
        ) from None
    if not isinstance(document, dict):
        raise InvalidTensor(_EXPECTED)
    parameters = _parameters(document)
    _check_sequence(parameters)
    rest = _Rest(memoryview(body)[size:])
    inputs = [_input(each, rest) for each in _objects(document, "inputs")]
    rest.require_end()
    if not inputs:
        raise InvalidTensor("inputs: expected at least one")
    outputs = [_output(each) for each in _objects(document, "outputs")]
    name = document.get("id")
    if name is not None and not isinstance(name, str):
        raise InvalidTensor("id: expected a string")
    binary = _flag(parameters, "binary_data_output") or False
    return SentRequest(name, inputs, outputs, binary, _seconds(parameters))


class _Rest:
    """The bytes after the JSON, from which the tensors are taken in their order."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._place = data, 0

    def take(self, size: Any) -> memoryview:
        if not _is_size(size):
            raise InvalidTensor(f"{BINARY_SIZE}: expected a number of bytes")
        if size > len(self._data) - self._place:
            raise InvalidTensor(
                f"{BINARY_SIZE}: the tensors declare more bytes than the {len(self._data)} that "
                "follow the JSON; Inference-Header-Content-Length says where they begin"
            )
        self._place += size
        return self._data[self._place - size : self._place]

    def require_end(self) -> None:
        if self._place != len(self._data):
            raise InvalidTensor(
                f"{len(self._data)} bytes follow the JSON, and the tensors declare "
                f"{self._place} of them with {BINARY_SIZE}"
            )


def _json_size(body: bytes, length: str) -> int:
    if not length:
        return len(body)
    if not (length.isascii() and length.isdigit() and len(length) <= _DIGITS):
        raise InvalidTensor("Inference-Header-Content-Length: expected a number of bytes")
    if int(length) > len(body):
        raise InvalidTensor(
            f"Inference-Header-Content-Length is more than the {len(body)} bytes of the body, "
            "which are counted after decompression"
        )
    return int(length)


def _objects(document: Mapping[str, Any], member: str) -> Sequence[Mapping[str, Any]]:
    found = document.get(member)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidTensor(f"{member}: expected a list of objects")
    if len(found) > MAX_TENSORS:
        raise InvalidTensor(f"{member}: expected at most {MAX_TENSORS}")
    return found


def _input(given: Mapping[str, Any], rest: _Rest) -> SentTensor:
    name, shape = _text(given, "name"), given.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_SENT_AXES or not all(map(_is_size, shape)):
        raise InvalidTensor(
            f"shape: expected a list of at most {MAX_SENT_AXES} whole numbers from 0"
        )
    parameters = _parameters(given)
    _check_memory(parameters)
    raw = None
    if BINARY_SIZE in parameters:
        if "data" in given:
            raise InvalidTensor(f"expected data or {BINARY_SIZE} of an input, got both")
        raw = rest.take(parameters[BINARY_SIZE])
    datatype = _text(given, "datatype")
    return SentTensor(name, datatype, tuple(shape), raw, given.get("data"), parameters)


def _output(given: Mapping[str, Any]) -> RequestedOutput:
    parameters = _parameters(given)
    _check_memory(parameters)
    count = parameters.get("classification", 0)
    if not _is_size(count) or ("classification" in parameters and count < 1):
        raise InvalidTensor("classification: expected a number of classes, from 1")
    return RequestedOutput(_text(given, "name"), count, _flag(parameters, "binary_data"))


def _parameters(given: Mapping[str, Any]) -> Mapping[str, Any]:
    found = given.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidTensor("parameters: expected an object")
    return found


def _check_sequence(parameters: Mapping[str, Any]) -> None:
    """Refuse what asks for a state between requests, which would silently be left out."""
    if any(parameters.get(name) not in (None, 0, "", False) for name in _SEQUENCE):
        raise NotOffered(
            "sequences are not offered: no request knows the one before; a model with a state has "
            "it as an input and an output"
        )


def _check_memory(parameters: Mapping[str, Any]) -> None:
    if any(name in parameters for name in _SHARED_MEMORY):
        raise NotOffered("shared memory is not offered; send the tensors in the request")


def _seconds(parameters: Mapping[str, Any]) -> float:
    given = parameters.get("timeout", 0)
    if not _is_size(given):
        raise InvalidTensor("timeout: expected microseconds, as a whole number")
    return given * _MICROSECONDS or inf  # 0 stands for none


def _flag(parameters: Mapping[str, Any], name: str) -> bool | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidTensor(f"{name}: expected true or false")
    return value


def _text(given: Mapping[str, Any], member: str) -> str:
    value = given.get(member)
    if not isinstance(value, str):
        raise InvalidTensor(f"{member}: expected a string")
    return value


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0
