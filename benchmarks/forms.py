"""The forms of requests and answers of the servers."""

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TRITON_HEAD = 200  # bytes
Answer = tuple[str, float]  # label, probability


@dataclass(frozen=True)
class Requests:
    """Bodies that are sent in turn to one address."""

    url: str
    headers: dict[str, str]
    bodies: tuple[bytes, ...]


def raw(url: str, media_type: str, bodies: tuple[bytes, ...]) -> Requests:
    """The file is the body."""
    return Requests(url, {"Content-Type": media_type}, bodies)


def multipart(url: str, media_type: str, bodies: tuple[bytes, ...]) -> Requests:
    """A multipart form, as `curl -F file=@…` and browsers send it."""
    boundary = "----------------------------5f0c3a1b9d2e"
    disposition = 'Content-Disposition: form-data; name="file"; filename="file"'
    head = f"--{boundary}\r\n{disposition}\r\nContent-Type: {media_type}\r\n\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    wrapped = tuple(head + body + tail for body in bodies)
    return Requests(url, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, wrapped)


def v1(url: str, media_type: str, bodies: tuple[bytes, ...]) -> Requests:
    """KServe's V1 protocol: base64 in JSON."""
    return _json(url, [{"instances": [{"image": {"b64": _base64(body)}}]} for body in bodies])


def v2(url: str, media_type: str, bodies: tuple[bytes, ...]) -> Requests:
    """The Open Inference Protocol: base64 in JSON."""
    picture: dict[str, Any] = {"name": "picture", "shape": [1, 1], "datatype": "BYTES"}
    picture["parameters"] = {"content_type": "base64"}
    return _json(url, [{"inputs": [{**picture, "data": [_base64(b)]}]} for b in bodies])


def triton(url: str, media_type: str, bodies: tuple[bytes, ...]) -> Requests:
    """Triton's binary extension: JSON of a fixed length, then the file's length, then the file."""
    picture: dict[str, Any] = {"name": "picture", "shape": [1, 1], "datatype": "BYTES"}
    sent = []
    for body in bodies:
        picture["parameters"] = {"binary_data_size": len(body) + 4}
        head = json.dumps({"inputs": [picture]}).ljust(TRITON_HEAD).encode()
        sent.append(head + struct.pack("<I", len(body)) + body)
    headers = {"Inference-Header-Content-Length": str(TRITON_HEAD)}
    return Requests(url, headers | {"Content-Type": "application/octet-stream"}, tuple(sent))


def _json(url: str, bodies: list[dict[str, Any]]) -> Requests:
    dumped = tuple(json.dumps(body).encode() for body in bodies)
    return Requests(url, {"Content-Type": "application/json"}, dumped)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def answered(body: bytes) -> Answer:
    """Return the label and probability in an answer of any of the servers."""
    found, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    if end < len(body):  # Triton's binary form: the answer follows after its length
        found = json.loads(body[end + 4 :])
    elif "outputs" in found:  # V2
        found = json.loads(found["outputs"][0]["data"][0])
    if "predictions" in found:  # Thalamus, V1
        found = found["predictions"][0]
    return str(found["label"]), float(found["probability"])


Form = Callable[[str, str, tuple[bytes, ...]], Requests]
