"""A real service of two workers that asks for API keys."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.api.keys import ADMIN, PREDICT, write_keys
from tests.app.process.services import Client, Service, until

pytestmark = pytest.mark.slow


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return write_keys(tmp_path / "keys.jsonl", PREDICT, quota="30/hour")


@pytest.fixture
def service(published: Path, keys: Path) -> Iterator[Service]:
    started = Service(
        *("app.cli", "serve", "--port", "0", "--models", str(published)),
        workers=2,
        keys_file=keys,
        log_requests=True,
        lame_duck=0,
    )
    try:
        until(started.is_ready)
        yield started
    finally:
        started.end()


def status(client: Client, key: str) -> int:
    client.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    answer = client.getresponse()
    answer.read()
    return answer.status


def workers_that_answered(service: Service, expected: int) -> set[int]:
    """Return the processes that the log says have answered with a status."""
    lines = [line for line in service.events if line.get("status") == expected]
    return {line["pid"] for line in lines if line["event"] == "request"}


def test_two_workers_share_a_quota(service: Service) -> None:
    clients = [service.connect() for _ in range(2)]  # one at each worker
    answers = [status(clients[n % 2], PREDICT) for n in range(40)]
    assert answers == [200] * 30 + [429] * 10
    until(lambda: len(workers_that_answered(service, 429)) == 2)
    assert len(workers_that_answered(service, 200)) == 2


def test_every_worker_reads_the_keys_again(service: Service, keys: Path) -> None:
    clients = [service.connect() for _ in range(2)]
    write_keys(keys, "thal_new", ADMIN)
    until(lambda: [status(client, "thal_new") for client in clients] == [200, 200])
    assert [status(client, PREDICT) for client in clients] == [401, 401]
    assert len(workers_that_answered(service, 200)) == 2


def test_a_bad_file_leaves_the_last_good_keys_also_to_a_new_worker(
    service: Service, keys: Path
) -> None:
    write_keys(keys, "thal_new")
    clients = [service.connect() for _ in range(2)]
    until(lambda: [status(client, "thal_new") for client in clients] == [200, 200])
    keys.write_text('{"name": "half')
    lines = service.wait_for("keys file cannot be used", 2)
    assert {line["level"] for line in lines} == {"error"}
    assert all("line 1: " in line["reason"] for line in lines)
    for pid in workers_that_answered(service, 200):
        os.kill(pid, signal.SIGKILL)
    keys.unlink()
    service.wait_for("worker died", 2)
    until(service.is_ready)
    ready = [service.connect() for _ in range(4)]
    assert [status(client, "thal_new") for client in ready] == [200] * 4
    assert [status(client, PREDICT) for client in ready] == [401] * 4, "it was removed"


def read_answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith((b"}", b"\n")):
        more = connection.recv(65536)
        assert more, "the connection was closed"
        answer += more
    return answer


def test_a_refused_body_is_discarded_and_its_connection_stays(service: Service) -> None:
    """The refusal comes before the first byte of the body; the rest is not taken for a request."""
    with socket.create_connection((service.host, service.port), timeout=20) as connection:
        head = b"POST /v1/models/moods/classify HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 401 ")
        body = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
        long = b"X-API-Key: " + b"k" * 20_000
        connection.sendall(head + long + b"\r\nContent-Length: 4\r\n\r\ngood")
        answer = read_answer(connection)
        assert answer.startswith(b"HTTP/1.1 401 ") and b"kkk" not in answer
        connection.sendall(head + b"X-API-Key: a\r\n b\r\nContent-Length: 4\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 400 "), "a folded line"
