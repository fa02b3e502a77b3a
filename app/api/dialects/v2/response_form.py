"""The tensors of an answer → the body of a response: JSON, and binary tensors after it."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from app.api.content_coding import Headers
from app.api.dialects.v2.request_form import BINARY_SIZE, LENGTH_HEADER, SentRequest
from app.api.item_request import JSON
from app.bundle import Manifest
from app.errors import InvalidTensor
from app.modalities.payload import SNIFFED
from app.open_inference.answers import AnsweredRequest, AnsweredTensor, RequestedOutput

_LENGTH = struct.Struct("<I")


def render_answer(
    manifest: Manifest,
    request: SentRequest,
    outputs: Sequence[RequestedOutput],
    answer: AnsweredRequest,
) -> tuple[bytes, str, Headers]:
    """Return the body of a response, its media type, and further headers.

    Raises `InvalidTensor` for numbers that JSON does not have.
    """
    described, buffers = [], []
    for wanted, tensor in zip(outputs, answer.outputs, strict=True):
        binary = request.binary if wanted.binary is None else wanted.binary
        output: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        if binary:
            buffers.append(_bytes_of(tensor))
            output["parameters"] = {BINARY_SIZE: len(buffers[-1])}
        else:
            output["data"] = _values_of(tensor)
        described.append(output)
    head: dict[str, Any] = {
        "model_name": manifest.name,
        "model_version": str(manifest.version),
        "outputs": described,
    }
    if request.id is not None:
        head["id"] = request.id
    if answer.truncated:
        head["parameters"] = {"truncated": answer.truncated}
    body = orjson.dumps(head)
    if not buffers:
        return body, JSON, ()
    return b"".join([body, *buffers]), SNIFFED, [(LENGTH_HEADER, b"%d" % len(body))]


def _bytes_of(tensor: AnsweredTensor) -> bytes:
    if isinstance(tensor.data, np.ndarray):
        return tensor.data.tobytes()
    return b"".join([part for each in tensor.data for part in (_LENGTH.pack(len(each)), each)])


def _values_of(tensor: AnsweredTensor) -> list[Any]:
    if not isinstance(tensor.data, np.ndarray):
        return [each.decode() for each in tensor.data]
    if tensor.data.dtype.kind == "f" and not np.isfinite(tensor.data).all():
        raise InvalidTensor(
            f"{tensor.name} has infinite numbers, which JSON has not; ask for it with binary_data"
        )
    values: list[Any] = tensor.data.reshape(-1).tolist()
    return values
