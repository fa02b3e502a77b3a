"""Several workers behind one port: real processes, real connections."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import app.main
from app.bundle import publish
from app.in_flight import InFlight, WorkerGroup
from app.settings import Settings
from tests import fakes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
TEXT = {"Content-Type": "text/plain"}


class Server:
    """The service with two workers, in processes of its own."""

    def __init__(self, models: Path) -> None:
        command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--workers", "2"]
        self.parent = subprocess.Popen(
            [*command, "--models", str(models)], stderr=subprocess.PIPE, text=True
        )
        lines = (json.loads(line)["event"] for line in self.parent.stderr)
        self.url = next(found[1] for line in lines if (found := re.search("on (http.*)", line)))
        until(self.is_ready)

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz", timeout=20).status_code == 200

    def workers(self) -> list[int]:
        pid = self.parent.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def connections(self) -> list[int]:
        """How many sockets each worker has."""
        return [sum(map(is_socket, Path(f"/proc/{pid}/fd").iterdir())) for pid in self.workers()]

    def ask(self, client: httpx.Client | None = None) -> str:
        post = (client or httpx).post
        answer = post(f"{self.url}/v1/models/moods/classify", content=b"good", headers=TEXT)
        return answer.json()["predictions"][0]["label"]

    def end(self) -> None:
        self.parent.kill()  # and the workers follow
        self.parent.wait()
        self.parent.stderr.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for it, for a while."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_socket(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith("socket")
    except FileNotFoundError:  # closed meanwhile
        return False


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def server(published: Path) -> Iterator[Server]:
    started = Server(published)
    yield started
    started.end()


def test_connections_are_shared_out_evenly(server: Server) -> None:
    until(lambda: len(set(server.connections())) == 1)  # nobody is connected
    before = server.connections()
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(timeout=20)) for _ in range(8)]
        assert {server.ask(client) for client in clients} == {"glad"}
        assert server.connections() == [count + 4 for count in before]
        for client in clients[::2]:  # these are of one worker
            client.close()
        until(lambda: sum(server.connections()) == sum(before) + 4)
        others = [stack.enter_context(httpx.Client(timeout=20)) for _ in range(4)]
        assert {server.ask(client) for client in others} == {"glad"}
        assert server.connections() == [count + 4 for count in before]


def test_a_rush_of_connections_is_taken_whole(server: Server) -> None:
    address = httpx.URL(server.url)
    for pid in server.workers():
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as stack:
        rush = [
            stack.enter_context(socket.create_connection((address.host, address.port), timeout=20))
            for _ in range(900)
        ]
        for connection in rush:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        for pid in server.workers():
            os.kill(pid, signal.SIGCONT)
        assert {connection.recv(12) for connection in rush} == {b"HTTP/1.1 200"}


def test_every_worker_tells_the_counts_of_all(server: Server) -> None:
    for _ in range(7):
        server.ask()
    line = 'thalamus_items_total{model="moods",version="1"} 7.0'
    until(lambda: all(line in httpx.get(f"{server.url}/metrics").text for _ in range(4)))


def test_a_worker_that_died_is_replaced(server: Server) -> None:
    victim, other = server.workers()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in server.workers() and len(server.workers()) == 2)
    assert other in server.workers()
    assert {server.ask() for _ in range(8)} == {"glad"}
    until(lambda: all(server.is_ready() for _ in range(4)))


def test_a_model_published_while_they_run_is_served_by_all(published: Path, tmp_path: Path) -> None:
    root = fakes.publish_all(tmp_path)
    server = Server(root)
    try:
        for name in ("one", "two", "three"):
            publish(fakes.text_bundle(name), root)
            url = f"{server.url}/v1/models/{name}/classify"
            statuses = {
                httpx.post(url, content=b"good", headers=TEXT, timeout=20).status_code
                for _ in range(4)
            }
            assert statuses == {200}, "who asks at once gets an answer too"
    finally:
        server.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_all_end(server: Server, number: int) -> None:
    pids = server.workers()
    server.parent.send_signal(number)
    assert server.parent.wait(20) == 0
    assert not any(alive(pid) for pid in pids)


def test_without_their_parent_they_end(server: Server) -> None:
    pids = server.workers()
    server.parent.kill()
    server.parent.wait()
    until(lambda: not any(alive(pid) for pid in pids))


PLACES = """
import signal, sys
from pathlib import Path
from app.process.supervisor import Supervisor, listen

def serve(channel, place):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    first = not Path(str(place)).exists()
    with open(str(place), "a") as file:
        file.write("x")
    if place == 1 and first:
        sys.exit(3)
    channel.recv(1)

Supervisor(listen("127.0.0.1", 0), 3, serve).run()
"""


def test_who_replaces_a_worker_has_its_place(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PLACES],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    expected = {"0": "x", "1": "xx", "2": "x"}
    try:
        until(lambda: {file.name: file.read_text() for file in tmp_path.iterdir()} == expected)
    finally:
        parent.terminate()
        assert parent.wait(20) == 0


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("cpu", ["0", "1"], app.main.available_cpus()),
        ("cuda", ["0", "1", "5"], 3),
        ("auto", ["0"], 1),
        ("tensorrt", [], 1),  # there is one, without a node of its own
    ],
)
def test_a_worker_for_each_gpu(monkeypatch, device, gpus: list[str], expected: int) -> None:
    monkeypatch.setattr(app.main, "cuda_present", lambda: True)
    monkeypatch.setattr(app.main, "visible_gpus", lambda: gpus)
    assert app.main.default_workers(device) == expected


@pytest.mark.parametrize(("device", "seen"), [("cuda", "6"), ("auto", "6"), ("cpu", "4,6")])
def test_a_worker_sees_its_gpu_before_it_does_anything(monkeypatch, device, seen: str) -> None:
    def create_app(_settings, _crew) -> None:
        raise InterruptedError(os.environ["CUDA_VISIBLE_DEVICES"])

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr(app.main, "create_app", create_app)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(InterruptedError, match=f"^{seen}$"):
        app.main._work(Settings(models=Path(), device=device), WorkerGroup(InFlight(4)), theirs, 3)
