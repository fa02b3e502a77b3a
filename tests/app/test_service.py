"""The real server, in a separate process, on a free port."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.bundle import publish
from tests import fakes, media

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(published: Path, tmp_path_factory) -> Path:
    return fakes.publish_all(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def process(root: Path) -> Iterator[subprocess.Popen]:
    environment = os.environ | {
        "THALAMUS_POLL": "0.05",
        "THALAMUS_RECEIVE_TIMEOUT": "0.5",
        "THALAMUS_MAX_BODY": "100000",
        "THALAMUS_DEFAULTS": json.dumps({"image": "colours"}),
        "THALAMUS_ALLOWED_HOSTS": "127.0.0.1,x",
        "THALAMUS_CORS_ORIGINS": "https://good.example",
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--models", str(root)]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    yield started
    started.kill()
    started.wait()
    started.stderr.close()


@pytest.fixture(scope="module")
def client(process: subprocess.Popen) -> Iterator[httpx.Client]:
    for line in process.stderr:
        found = re.search(r"running on (http://[\d.:]+)", json.loads(line)["event"])
        if found:
            break
    else:
        pytest.fail("the server ended")
    with httpx.Client(base_url=found[1], timeout=20) as asking:
        while asking.get("/readyz").status_code != 200:
            pass
        yield asking


def test_server_answers_requests(client: httpx.Client) -> None:
    response = client.post(
        "/v1/classify", content=media.picture(), headers={"Content-Type": "image/png"}
    )
    assert response.json()["predictions"][0]["label"] == "red"
    assert "server" not in response.headers


def test_concurrent_requests_get_the_answers_of_single_ones(client: httpx.Client) -> None:
    words = [" ".join(fakes.WORDS[n:][: 1 + n % 3]) for n in range(10)] * 8

    def ask(text: str) -> dict:
        return client.post(
            "/v1/models/moods/classify",
            content=text.encode(),
            headers={"Content-Type": "text/plain"},
        ).json()["predictions"][0]

    alone = {text: ask(text) for text in words}
    with ThreadPoolExecutor(16) as threads:
        for text, answer in zip(words, threads.map(ask, words), strict=True):
            assert answer["label"] == alone[text]["label"]
            assert answer["probability"] == pytest.approx(alone[text]["probability"], abs=1e-5)


def test_bundle_published_while_running_is_served(client: httpx.Client, root: Path) -> None:
    publish(fakes.image_bundle("tints"), root)
    while client.get("/v1/models/tints").status_code == 404:
        pass
    while client.get("/v1/models/tints").json()["versions"][0]["state"] == "loading":
        pass
    response = client.post(
        "/v1/models/tints/classify",
        content=media.picture(),
        headers={"Content-Type": "image/png"},
    )
    assert response.status_code == 200


def raw(client: httpx.Client, request: bytes) -> bytes:
    """Send raw bytes; return all bytes until the server closes the connection."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


HEAD = b"POST /v1/models/moods/classify HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"


def test_declared_oversized_body_is_refused_before_it_arrives(client: httpx.Client) -> None:
    answer = raw(client, HEAD + b"Content-Length: 999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_chunked_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    chunk = b"2710\r\n" + b"a" * 10_000 + b"\r\n"
    answer = raw(client, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 11)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_endless_body_times_out_and_closes_the_connection(client: httpx.Client) -> None:
    answer = raw(client, HEAD + b"Content-Length: 10\r\n\r\ngood")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: " + b"9" * 5000,
        b"Content-Length: \xb2",
        b"Content-Length: -1",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Transfer-Encoding: nonsense",
    ],
)
def test_invalid_http_is_refused_and_the_server_continues(
    client: httpx.Client, header: bytes
) -> None:
    answer = raw(client, HEAD + header + b"\r\nConnection: close\r\n\r\ngood")
    assert re.match(rb"HTTP/1.1 [24]\d\d ", answer), answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"no HTTP\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (HEAD + b"Content-Length: 999999999\r\n\r\n", b"413"),
    ],
)
def test_no_answer_names_the_server_or_is_kept_and_each_has_a_date(
    client: httpx.Client, request_: bytes, status: bytes
) -> None:
    """The connection itself gives some of these answers."""
    first, *rest = raw(client, request_).partition(b"\r\n\r\n")[0].split(b"\r\n")
    fields = [line.partition(b":")[0].lower() for line in rest]
    assert first.split()[1] == status
    assert b"server" not in fields
    assert fields.count(b"date") == fields.count(b"cache-control") == 1


def test_another_host_is_refused_before_the_body_arrives(client: httpx.Client) -> None:
    answer = raw(client, HEAD.replace(b": x", b": evil.com") + b"Content-Length: 10\r\n\r\ngood")
    assert answer.startswith(b"HTTP/1.1 421 ")


def test_a_page_of_a_listed_origin_may_ask(client: httpx.Client) -> None:
    asks = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
    allowed = client.options("/v1/models/moods/classify", headers=asks)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://good.example"
    broken = b"OPTIONS / HTTP/1.1\r\nOrigin: https://good.example\r\n"
    broken += b"Access-Control-Request-Method: POST\r\n\r\n"
    answer = raw(client, broken)
    assert answer.startswith(b"HTTP/1.1 400 "), "it has no Host"
    assert b"access-control-allow-methods" not in answer


def test_disconnecting_clients_do_not_affect_others(client: httpx.Client) -> None:
    address = (client.base_url.host, client.base_url.port)
    for sent in (
        b"",
        HEAD,
        HEAD + b"Content-Length: 4\r\n\r\n",
        HEAD + b"Content-Length: 4\r\n\r\ngood",
    ):
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(sent)
    assert client.get("/livez").status_code == 200


def test_sigterm_drains_requests_and_exits_with_0(
    client: httpx.Client, process: subprocess.Popen
) -> None:
    client.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in process.stderr]
    assert [line for line in lines if line["level"] == "error" and "error" in line] == []
