"""The service on Ray Serve answers what the plain service answers, byte for byte."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet.nodes import RayCluster
from benchmarks.fleet.ray_service import RayService
from benchmarks.inputs import MODELS
from benchmarks.reliability.bundles import question, serve_copies
from benchmarks.reliability.client import Reply, ask
from benchmarks.reliability.service import Launch, running, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.slow]
SHIPPED = sorted(path.name for path in MODELS.iterdir() if (path / "1").is_dir())
ADDRESSES = ["/v1/models", "/", "/openapi.json", "/v2", "/v1/models/none", "/healthz", "/readyz"]
SINCE = re.compile(b'"since":"[^"]+"')  # when the process that answers began to serve a version
ONE = {"X-Request-ID": "the-same"}


def test_an_altered_bundle_does_not_serve_and_the_others_do(
    cluster: RayCluster, tmp_path: Path
) -> None:
    """A version that cannot be verified is refused by name; what serves goes on."""
    models = serve_copies(tmp_path / "models", "digits", "spam")
    graph = models / "spam" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    small = {"ray_actor_options": {"num_cpus": 0.1}}
    service = RayService(cluster, models, dict.fromkeys(["Thalamus", "digits", "spam"], small))
    service.deploy(wait=False)
    wait_until(lambda: ask(service.port, "GET", "/readyz", timeout=2).status == 200, 120, 0.5)
    asked = question("digits")
    assert ask(service.port, "POST", asked.path, asked.body, ONE).status == 200
    found: list[str] = []

    def said() -> bool:
        found[:] = [json.dumps(service.status())]
        return "model.onnx was altered" in found[0]

    assert wait_until(said, 120, 1.0) < 120, found
    service.delete()


@pytest.fixture(scope="module")
def ports(
    cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """The ports of the service on the cluster and of the plain one, with all shipped models."""
    models = serve_copies(tmp_path_factory.mktemp("shipped"), *SHIPPED)
    small = {"ray_actor_options": {"num_cpus": 0.1}}
    service = RayService(cluster, models, dict.fromkeys(["Thalamus", *SHIPPED], small))
    service.deploy()
    with running(Launch(models, {"WORKERS": "1", "THREADS": "1"})) as plain:
        yield service.port, plain.port
    service.delete()


def same(
    ports: tuple[int, int], method: str, path: str, body: bytes = b"", kind: str = ""
) -> Reply:
    """Send one request to both, compare status, body and headers, and return the answer."""
    headers = {**ONE, "Content-Type": kind} if kind else ONE
    found, expected = (ask(port, method, path, body, headers, timeout=60) for port in ports)
    assert found.status == expected.status, path
    assert SINCE.sub(b"", found.body) == SINCE.sub(b"", expected.body), path
    for name in ("content-type", "x-model-name", "x-model-version", "retry-after", "cache-control"):
        assert found.headers.get(name) == expected.headers.get(name), name
    return found


@pytest.mark.parametrize("model", SHIPPED)
def test_golden_samples_have_the_same_answers(ports: tuple[int, int], model: str) -> None:
    folder = MODELS / model / "1"
    task = json.loads((folder / "manifest.json").read_bytes())["task"]
    for case in json.loads((folder / "golden/cases.json").read_bytes()):
        body, kind = (folder / "golden" / case["file"]).read_bytes(), case["media_type"]
        if task == "complete":
            body = json.dumps({"text": body.decode(), "max_words": 4}).encode()
            kind = "application/json"
        assert same(ports, "POST", f"/v1/models/{model}/{task}", body, kind).status == 200
    for path in ("", "/card", "/samples"):
        assert same(ports, "GET", f"/v1/models/{model}{path}").status == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_other_addresses_have_the_same_answers(ports: tuple[int, int], path: str) -> None:
    same(ports, "GET", path)


def test_refusals_are_the_same(ports: tuple[int, int]) -> None:
    path = "/v1/models/digits/classify"
    assert same(ports, "POST", path, b"no picture", "image/png").status == 422
    assert same(ports, "POST", f"{path}?top_k=0", b"", "image/png").status == 422
    assert same(ports, "POST", path, b"{", "application/json").status == 400
    assert same(ports, "POST", "/v1/models/digits/complete", b"", "image/png").status == 404
    assert same(ports, "POST", "/v1/classify", *_digit()).status == 200


def _digit() -> tuple[bytes, str]:
    asked = question("digits")
    return asked.body, asked.media_type


def test_a_killed_replica_is_replaced(cluster: RayCluster, ports: tuple[int, int]) -> None:
    asked = question("digits")
    service_port = ports[0]
    [replica] = cluster.processes("ray::ServeReplica:thalamus:digits")
    os.kill(replica, signal.SIGKILL)

    def answers() -> bool:
        return ask(service_port, "POST", asked.path, asked.body, ONE, timeout=5).status == 200

    assert wait_until(answers, 120, 0.2) < 120
