"""Requests of the Open Inference Protocol as clients write them, and what its answers hold."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

HEADER = "Inference-Header-Content-Length"
DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "INT16": "<i2",
    "INT64": "<i8",
    "FP32": "<f4",
    "FP64": "<f8",
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def elements(data: Sequence[bytes]) -> bytes:
    """Return the binary form of a tensor of BYTES."""
    return b"".join(struct.pack("<I", len(each)) + each for each in data)


def payload(*data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the input of files in binary form."""
    return binary("payload", "BYTES", [len(data)], elements(data))


def graph_input(name: str, array: np.ndarray) -> tuple[dict[str, Any], bytes]:
    """Return an input of a graph in binary form."""
    return binary(name, NAMES[array.dtype], array.shape, array.tobytes())


def binary(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> tuple[dict, bytes]:
    parameters = {"binary_data_size": len(raw)}
    described = {"name": name, "datatype": datatype, "shape": list(shape)}
    return {**described, "parameters": parameters}, raw


def as_json(name: str, datatype: str, shape: Sequence[int], data: Any) -> tuple[dict, bytes]:
    """Return an input within the JSON."""
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}, b""


def message(*inputs: tuple[dict, bytes], **members: Any) -> dict[str, Any]:
    """Return the arguments of a request with these inputs; members: further ones of the JSON."""
    head = json.dumps({"inputs": [described for described, _ in inputs], **members}).encode()
    body = head + b"".join(raw for _, raw in inputs)
    return {"content": body, "headers": {HEADER: str(len(head))}}


def wanted(*names: str) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


def outputs(answer: httpx.Response) -> dict[str, Any]:
    """Return the outputs of an answer by name: arrays, or lists of texts."""
    assert answer.status_code == 200, answer.text[:500]
    size = int(answer.headers.get(HEADER, len(answer.content)))
    head, rest = json.loads(answer.content[:size]), answer.content[size:]
    found: dict[str, Any] = {}
    for output in head["outputs"]:
        count = output.get("parameters", {}).get("binary_data_size")
        raw, rest = rest[: count or 0], rest[count or 0 :]
        found[output["name"]] = _read(output, None if count is None else raw)
    assert rest == b""
    return found


def _read(output: dict[str, Any], raw: bytes | None) -> Any:
    if output["datatype"] == "BYTES":
        texts = output["data"] if raw is None else [each.decode() for each in split(raw)]
        return np.array(texts, object).reshape(output["shape"]).tolist()
    dtype = DTYPES[output["datatype"]]
    flat = np.array(output["data"], dtype) if raw is None else np.frombuffer(raw, dtype)
    return flat.reshape(output["shape"])


def split(raw: bytes) -> list[bytes]:
    """Return the elements of a tensor of BYTES in binary form."""
    found = []
    while raw:
        [size] = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + size])
        assert len(found[-1]) == size
        raw = raw[4 + size :]
    return found
