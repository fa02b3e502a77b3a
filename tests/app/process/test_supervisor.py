"""Several workers behind one port: real processes, real connections."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.bundle import publish
from tests import fakes
from tests.app.process.services import Service, alive, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked"),
]
TEXT = {"Content-Type": "text/plain"}


class Server(Service):
    """The whole service with two workers."""

    def __init__(self, models: Path) -> None:
        super().__init__("app.cli", "serve", models=models, port=0, workers=2, lame_duck=0)
        until(self.is_ready)

    def connections(self) -> list[int]:
        """The number of sockets of each worker."""
        return [sum(map(is_socket, Path(f"/proc/{pid}/fd").iterdir())) for pid in self.workers()]

    def ask(self, client: httpx.Client | None = None) -> str:
        post = (client or httpx).post
        answer = post(f"{self.url}/v1/models/moods/classify", content=b"good", headers=TEXT)
        return answer.json()["predictions"][0]["label"]


def is_socket(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith("socket")
    except FileNotFoundError:  # closed meanwhile
        return False


@pytest.fixture
def server(published: Path) -> Iterator[Server]:
    started = Server(published)
    yield started
    started.end()


def test_connections_are_distributed_evenly(server: Server) -> None:
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


def test_a_rush_of_connections_is_accepted_whole(server: Server) -> None:
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


def test_every_worker_reports_the_metrics_of_all(server: Server) -> None:
    for _ in range(7):
        server.ask()
    assert counted(server) == {"7.0"}


def test_counts_of_a_worker_that_was_killed_stay(server: Server) -> None:
    """Without any folder: what cleans or fills /tmp cannot touch them."""
    for _ in range(8):
        server.ask()
    victim, _ = server.workers()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in server.workers() and len(server.workers()) == 2)
    until(lambda: all(server.is_ready() for _ in range(4)))
    assert counted(server) == {"8.0"}
    for _ in range(4):
        server.ask()
    assert counted(server) == {"12.0"}


def counted(server: Server) -> set[str]:
    """Return the items that several scrapes have counted: each may reach another worker."""
    name = 'thalamus_items_total{model="moods",version="1"} '
    texts = [httpx.get(f"{server.url}/metrics", timeout=20).text for _ in range(4)]
    return {text.partition(name)[2].partition("\n")[0] for text in texts}


def test_a_worker_that_died_is_replaced(server: Server) -> None:
    victim, other = server.workers()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in server.workers() and len(server.workers()) == 2)
    assert other in server.workers()
    assert {server.ask() for _ in range(8)} == {"glad"}
    until(lambda: all(server.is_ready() for _ in range(4)))


def test_a_model_published_while_running_is_served_by_all_workers(
    published: Path, tmp_path: Path
) -> None:
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
            assert statuses == {200}, "a model answers as soon as it is published"
    finally:
        server.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_workers(server: Server, number: int) -> None:
    pids = server.workers()
    server.parent.send_signal(number)
    assert server.parent.wait(20) == 0
    assert not any(alive(pid) for pid in pids)


def test_workers_end_when_the_supervisor_dies(server: Server) -> None:
    pids = server.workers()
    server.parent.kill()
    server.parent.wait()
    until(lambda: not any(alive(pid) for pid in pids))


INDICES = """
import sys
from pathlib import Path
from app.process.listener import listen
from app.process.policy import SupervisorPolicy
from app.process.supervisor import Supervisor

def run_worker(channel, index):
    first = not Path(str(index)).exists()
    with open(str(index), "a") as file:
        file.write("x")
    if index == 1 and first:
        sys.exit(3)
    channel.recv(1)

Supervisor(listen("127.0.0.1", 0), SupervisorPolicy(3), run_worker).run()
"""


@contextmanager
def script(code: str, folder: Path) -> Iterator[subprocess.Popen]:
    """Run code in a separate process, in a folder."""
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield parent
    finally:
        parent.kill()
        parent.wait()


def until_files(folder: Path, expected: dict[str, str]) -> None:
    """Wait until the folder holds these files with these contents."""
    until(lambda: {file.name: file.read_text() for file in folder.iterdir()} == expected)


def test_a_replacement_has_the_index_of_the_worker_that_died(tmp_path: Path) -> None:
    with script(INDICES, tmp_path) as parent:
        until_files(tmp_path, {"0": "x", "1": "xx", "2": "x"})
        parent.terminate()
        assert parent.wait(20) == 0


SIGNALLED = """
import os, signal
from app.process.listener import listen
from app.process.policy import SupervisorPolicy
from app.process.supervisor import Supervisor

fork, forks = os.fork, []

def fork_and_signal_the_first():
    forks.append(fork())
    with open("forks", "a") as file:
        file.write("x" if forks[-1] else "")
    if forks == [0]:
        os.kill(os.getpid(), signal.SIGTERM)
    return forks[-1]

def run_worker(channel, index):
    with open(str(index), "a") as file:
        file.write("x")
    channel.recv(1)

os.fork = fork_and_signal_the_first
Supervisor(listen("127.0.0.1", 0), SupervisorPolicy(1), run_worker).run()
"""


def test_a_signal_right_after_the_fork_is_not_lost(tmp_path: Path) -> None:
    with script(SIGNALLED, tmp_path) as parent:
        # The first worker ends before it runs, and the second one runs.
        until_files(tmp_path, {"forks": "xx", "0": "x"})
        parent.terminate()
        assert parent.wait(20) == 0
