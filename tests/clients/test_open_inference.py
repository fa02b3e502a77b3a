"""Triton's client and KServe's, unchanged: the Open Inference Protocol over HTTP."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.environment import KSERVE, ROOT, TRITON, ClientEnvironment

pytestmark = pytest.mark.slow
DIGITS = sorted((ROOT / "models/digits/1/golden").glob("*.png"))[:3]
TEXTS = ["Get rich now, click here to claim your prize!!!", "See you at lunch tomorrow"]

TRITON_SYNC = """
import json, sys
import numpy as np
import tritonclient.http as client
from tritonclient.utils import InferenceServerException

port, *files = sys.argv[1:]
server = client.InferenceServerClient(f"127.0.0.1:{port}")
report = {
    "live": server.is_server_live(), "ready": server.is_server_ready(),
    "model": server.is_model_ready("digits"), "version": server.is_model_ready("digits", "1"),
    "none": server.is_model_ready("none"), "server": server.get_server_metadata(),
    "metadata": server.get_model_metadata("digits"),
    "config": server.get_model_config("digits", "1"),
    "index": server.get_model_repository_index(),
}

def as_lists(result):
    found = {}
    for output in result.get_response()["outputs"]:
        values = result.as_numpy(output["name"]).tolist()
        found[output["name"]] = json.loads(json.dumps(values, default=bytes.decode))
    return found

def inputs(name, array, kind, binary=True):
    given = client.InferInput(name, list(array.shape), kind)
    given.set_data_from_numpy(array, binary_data=binary)
    return [given]

data = np.array([open(file, "rb").read() for file in files], dtype=object)
files = inputs("payload", data, "BYTES")
report["files"] = as_lists(server.infer("digits", files, request_id="7"))
for coding in ("gzip", "deflate"):
    report[coding] = as_lists(server.infer("digits", files, request_compression_algorithm=coding,
                                         response_compression_algorithm=coding))
pictures = np.zeros((2, 28, 28, 1), np.uint8)
for binary in (True, False):
    given = inputs("image", pictures, "UINT8", binary)
    report[f"pictures {binary}"] = as_lists(server.infer("digits", given))
texts = np.array(json.loads(sys.stdin.read()), dtype=object)
for binary in (True, False):
    wanted = [client.InferRequestedOutput("label", binary_data=binary),
              client.InferRequestedOutput("probabilities", binary_data=not binary)]
    given = inputs("payload", texts, "BYTES", binary)
    report[f"texts {binary}"] = as_lists(server.infer("spam", given, outputs=wanted))
ranked = [client.InferRequestedOutput("probabilities", class_count=2)]
given = inputs("payload", texts, "BYTES")
report["classes"] = as_lists(server.infer("spam", given, outputs=ranked))
waiting = server.async_infer("digits", files, model_version="1")
report["waited"] = as_lists(waiting.get_result())
report["stats"] = server.get_inference_statistics("digits", "1")
report["all stats"] = server.get_inference_statistics()
body, size = client.InferenceServerClient.generate_request_body(files)
errors = {
    "unknown": lambda: server.infer("none", files),
    "wrong": lambda: server.infer("digits", inputs("image", pictures[:, 1:], "UINT8")),
    "output": lambda: server.infer("digits", files, outputs=[client.InferRequestedOutput("x")]),
    "sequence": lambda: server.infer("digits", files, sequence_id=5, sequence_start=True),
    "load": lambda: server.load_model("digits"),
    "unload": lambda: server.unload_model("digits"),
    "memory": lambda: server.get_system_shared_memory_status(),
    "trace": lambda: server.get_trace_settings(),
}
for name, fails in errors.items():
    try:
        fails()
    except InferenceServerException as error:
        report[name] = [error.status(), error.message()]
print(json.dumps(report))
"""

TRITON_ASYNC = """
import asyncio, json, sys
import numpy as np
import tritonclient.http.aio as client

async def main():
    port, *files = sys.argv[1:]
    async with client.InferenceServerClient(f"127.0.0.1:{port}") as server:
        given = []
        for file in files:
            one = client.InferInput("payload", [1], "BYTES")
            one.set_data_from_numpy(np.array([open(file, "rb").read()], dtype=object))
            given.append(one)
        answers = await asyncio.gather(*(
            server.infer("digits", [each], request_compression_algorithm="gzip") for each in given
        ))
        labels = [answer.as_numpy("label")[0].decode() for answer in answers]
        print(json.dumps({
            "ready": await server.is_model_ready("digits"), "labels": labels,
            "stats": await server.get_inference_statistics("digits"),
            "index": await server.get_model_repository_index(),
        }))

asyncio.run(main())
"""

KSERVE_V2 = """
import asyncio, json, sys
import httpx
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

async def main():
    port, *files = sys.argv[1:]
    server, report = f"http://127.0.0.1:{port}", {}
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    report["live"] = await client.is_server_live(server)
    report["ready"] = await client.is_server_ready(server)
    report["model"] = await client.is_model_ready(server, "digits")
    report["none"] = await client.is_model_ready(server, "none")

    async def ask(model, given, **options):
        request = InferRequest(model_name=model, infer_inputs=[given], request_id="7", **options)
        answer = await client.infer(server, request, model_name=model)
        assert answer.id == "7" and answer.model_name == model
        return {each.name: each.as_numpy().tolist() for each in answer.outputs}

    data = np.array([open(file, "rb").read() for file in files], dtype=object)
    given = InferInput("payload", [len(files)], "BYTES")
    given.set_data_from_numpy(data, binary_data=True)
    report["files"] = await ask("digits", given)
    wanted = [RequestedOutput("label", {"binary_data": True})]
    report["label"] = await ask("digits", given, request_outputs=wanted)
    pictures = np.zeros((2, 28, 28, 1), np.uint8)
    for binary in (True, False):
        given = InferInput("image", [2, 28, 28, 1], "UINT8")
        given.set_data_from_numpy(pictures, binary_data=binary)
        for outputs in (True, False):
            options = {"parameters": {"binary_data_output": outputs}}
            report[f"pictures {binary} {outputs}"] = await ask("digits", given, **options)
    texts = json.loads(sys.stdin.read())
    report["texts"] = await ask("spam", InferInput("payload", [len(texts)], "BYTES", data=texts))
    try:
        await ask("none", given)
    except httpx.HTTPStatusError as error:
        report["unknown"] = [error.response.status_code, error.response.json()["error"]]
    print(json.dumps(report, default=bytes.decode))

asyncio.run(main())
"""


def report_of(environment: ClientEnvironment, program: str, port: int) -> dict[str, Any]:
    program = program.replace("sys.stdin.read()", repr(json.dumps(TEXTS)))
    return json.loads(environment.run(program, str(port), *map(str, DIGITS)))


def own(port: int, model: str, items: list[tuple[bytes, str]]) -> list[dict[str, Any]]:
    """Return what /v1 answers to each item."""
    answers = [
        httpx.post(
            f"http://127.0.0.1:{port}/v1/models/{model}/classify?top_k=10",
            content=data,
            headers={"Content-Type": kind},
        )
        for data, kind in items
    ]
    return [answer.json()["predictions"][0] for answer in answers]


@pytest.fixture(scope="module")
def expected(shipped_port: int) -> dict[str, list[dict[str, Any]]]:
    files = [(Path(file).read_bytes(), "image/png") for file in DIGITS]
    texts = [(text.encode(), "text/plain") for text in TEXTS]
    return {
        "digits": own(shipped_port, "digits", files),
        "spam": own(shipped_port, "spam", texts),
    }


def check(found: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """Compare the outputs of a request with /v1's answers to its items."""
    assert found["label"] == [each["label"] for each in answers]
    for row, answer in zip(found["probabilities"], answers, strict=True):
        assert max(row) == pytest.approx(answer["probability"], abs=1e-6)
        assert sorted(row, reverse=True) == pytest.approx(
            [each["probability"] for each in answer["top"]], abs=1e-6
        )
    if "novelty" in found:
        assert found["novelty"] == pytest.approx([each["novelty"] for each in answers], abs=1e-6)
        assert found["abstained"] == [each["abstained"] for each in answers]


def test_tritons_client(shipped_port: int, expected) -> None:
    report = report_of(TRITON, TRITON_SYNC, shipped_port)
    assert all(report[name] for name in ("live", "ready", "model", "version"))
    assert report["none"] is False
    assert report["server"]["name"] == "thalamus"
    assert [each["name"] for each in report["metadata"]["inputs"]] == ["payload", "image"]
    assert report["config"]["max_batch_size"] > 1
    assert {"name": "digits", "version": "1", "state": "READY", "reason": ""} in report["index"]
    for name in ("files", "gzip", "deflate", "waited"):
        check(report[name], expected["digits"])
    for name in ("texts True", "texts False"):
        check(report[name], expected["spam"])
    assert report["pictures True"] == report["pictures False"]
    for ranked, answer in zip(report["classes"]["probabilities"], expected["spam"], strict=True):
        labels = [each.split(":", 2)[2] for each in ranked]
        assert labels == [each["label"] for each in answer["top"]]
    [stats] = report["stats"]["model_stats"]
    assert stats["inference_count"] >= 16 and stats["inference_stats"]["success"]["count"] >= 6
    assert len(report["all stats"]["model_stats"]) == 8
    statuses = {"unknown": "404", "memory": "404", "trace": "404"}
    for name in ("unknown", "wrong", "output", "sequence", "load", "unload", "memory", "trace"):
        status, message = report[name]
        assert status == statuses.get(name, "400")
        assert "exception occurred in the client" not in message


def test_tritons_asynchronous_client(shipped_port: int, expected) -> None:
    report = report_of(TRITON, TRITON_ASYNC, shipped_port)
    assert report["ready"] is True
    assert report["labels"] == [each["label"] for each in expected["digits"]]
    assert report["stats"]["model_stats"][0]["name"] == "digits"
    assert len(report["index"]) == 8


def test_kserves_client(shipped_port: int, expected) -> None:
    report = report_of(KSERVE, KSERVE_V2, shipped_port)
    assert report["live"] and report["ready"] and report["model"]
    assert report["none"] is False
    check(report["files"], expected["digits"])
    assert report["label"] == {"label": report["files"]["label"]}
    check(report["texts"], expected["spam"])
    pictures = [
        report[f"pictures {binary} {out}"] for binary in (True, False) for out in (True, False)
    ]
    assert all(each == pictures[0] for each in pictures)
    status, message = report["unknown"]
    assert status == 404 and "no model of that name" in message
