"""The service ends when it should, not before, and without losing a request."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.process.services import Client, Service, alive, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked"),
]
NEVER = 600  # seconds

Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Service] = []

    def start(**settings: object) -> Service:
        options = {"workers": 2} | settings
        started.append(Service("tests.app.process.small_service", str(tmp_path), **options))
        return started[-1]

    yield start
    for service in started:
        service.end()


def is_refused(service: Service) -> bool:
    try:
        socket.create_connection((service.host, service.port), timeout=20).close()
    except ConnectionRefusedError:
        return True
    return False


def answer(client: Client, path: str) -> tuple[int, str | None]:
    """Return the status and the header `Connection`; one that was asked to close has closed."""
    client.request("GET", path)
    response = client.getresponse()
    response.read()
    return response.status, response.getheader("connection")


def test_in_the_lame_duck_all_are_answered_and_every_connection_is_closed(start: Start) -> None:
    service = start(lame_duck=NEVER)
    until(service.is_ready)
    kept = [service.connect() for _ in range(6)]
    assert {answer(client, "/pid") for client in kept} == {(200, None)}
    slow = service.connect()
    slow.request("GET", "/slow")
    workers = service.workers()
    service.signal(signal.SIGTERM)
    until(lambda: answer(service.connect(), "/readyz") == (503, "close"))
    assert [answer(client, "/pid") for client in kept] == [(200, "close")] * 6
    assert {answer(service.connect(), "/readyz") for _ in range(6)} == {(503, "close")}
    response = slow.getresponse()  # it was in flight
    assert (response.status, response.getheader("connection")) == (200, "close")
    assert service.workers() == workers, "the lame duck is not over"


def test_after_the_lame_duck_the_port_is_closed_and_the_status_is_0(start: Start) -> None:
    service = start(lame_duck=0.3)
    until(service.is_ready)
    idle, slow = service.connect(), service.connect()
    assert answer(idle, "/pid") == (200, None)
    workers = service.workers()
    service.signal(signal.SIGTERM)
    until(lambda: answer(service.connect(), "/readyz")[0] == 503)
    slow.request("GET", "/slow")
    until(lambda: is_refused(service))
    assert slow.getresponse().status == 200
    assert idle.sock.recv(1) == b"", "it was closed without a byte"
    assert service.wait() == 0
    assert not any(alive(pid) for pid in workers)
    assert service.logged("stopped")[0]["clean"] is True


def test_sigint_closes_the_port_without_a_lame_duck(start: Start) -> None:
    service = start(lame_duck=NEVER)
    until(service.is_ready)
    service.signal(signal.SIGINT)
    assert service.wait() == 0


def test_a_service_that_is_starting_ends_without_a_lame_duck(start: Start, tmp_path: Path) -> None:
    (tmp_path / "loading").touch()
    service = start(lame_duck=NEVER)
    assert not service.is_ready()
    service.signal(signal.SIGTERM)
    assert service.wait() == 0


def test_a_stopped_worker_does_not_keep_the_service_from_ending(start: Start) -> None:
    service = start(lame_duck=0, watchdog=NEVER, deadline=0.1)
    until(service.is_ready)
    victim = service.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    service.signal(signal.SIGTERM)
    assert service.wait() == 1, "it says that a worker was killed"
    (died,) = service.logged("worker died")
    assert (died["pid"], died["reason"]) == (victim, "did not end in time")


def test_a_second_signal_ends_all_at_once(start: Start) -> None:
    service = start(lame_duck=NEVER, deadline=NEVER, watchdog=NEVER)
    until(service.is_ready)
    workers = service.workers()
    os.kill(workers[0], signal.SIGSTOP)
    service.signal(signal.SIGTERM)
    service.wait_for("stop requested")
    time.sleep(0.2)  # managers may send one signal twice within a moment
    service.signal(signal.SIGTERM)
    assert service.wait() == 1
    assert not any(alive(pid) for pid in workers)
    assert {each["pid"] for each in service.logged("worker died")} == set(workers)


def test_sighup_replaces_all_workers_and_loses_no_request(start: Start) -> None:
    service = start(lame_duck=0.2)
    until(service.is_ready)
    before, failed, ended = service.workers(), [], threading.Event()

    def ask() -> None:
        client = service.connect()
        while not ended.is_set():
            try:
                assert answer(client, "/pid")[0] == 200
            except Exception as error:
                failed.append(error)
                return

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        service.signal(signal.SIGHUP)
        until(lambda: len(service.workers()) == 2 and not set(before) & set(service.workers()))
        until(lambda: len(set(service.pids(4))) == 2)
    finally:
        ended.set()
        for client in clients:
            client.join()
    assert not failed
    assert not service.logged("worker died")
    assert service.get("/pid").text.split()[1] == "0", "nobody has died"


def given_up(start: Start, flaw: Path) -> tuple[Service, list[int]]:
    """Return a service that has given up to replace its workers by flawed ones, and its workers."""
    service = start(lame_duck=0)
    until(service.is_ready)
    before = service.workers()
    flaw.touch()
    service.signal(signal.SIGHUP)
    service.wait_for("replacing workers given up")
    return service, before


def test_sighup_keeps_the_old_workers_while_new_ones_fail(start: Start, tmp_path: Path) -> None:
    service, before = given_up(start, tmp_path / "young")
    assert service.workers() == before
    (tmp_path / "young").unlink()
    service.signal(signal.SIGHUP)
    until(lambda: len(service.workers()) == 2 and not set(before) & set(service.workers()))
    until(lambda: len(set(service.pids(2))) == 2)


def test_sighup_keeps_the_old_workers_while_versions_fail_in_new_ones(
    start: Start, tmp_path: Path
) -> None:
    service, before = given_up(start, tmp_path / "poor")
    until(lambda: service.workers() == before)
    assert not service.logged("worker died")
    os.kill(before[0], signal.SIGTERM)  # nobody is left to keep
    until(lambda: len(service.workers()) == 2 and before[0] not in service.workers())


def test_a_new_worker_that_gets_sigterm_leaves_the_old_one(start: Start, tmp_path: Path) -> None:
    service = start(lame_duck=0)
    until(service.is_ready)
    before = service.workers()
    (tmp_path / "loading").touch()
    service.signal(signal.SIGHUP)
    until(lambda: len(service.workers()) == 3)
    (new,) = set(service.workers()) - set(before)
    time.sleep(1)  # it has begun to load
    os.kill(new, signal.SIGTERM)
    service.wait_for("replacing workers given up")
    until(lambda: service.workers() == before)
    (tmp_path / "loading").unlink()
    service.signal(signal.SIGHUP)
    until(lambda: len(service.workers()) == 2 and not set(before) & set(service.workers()))


def test_a_worker_that_gets_sigterm_from_others_is_replaced(start: Start) -> None:
    service = start(lame_duck=0)
    until(service.is_ready)
    victim, other = service.workers()
    os.kill(victim, signal.SIGTERM)
    until(lambda: victim not in service.workers() and len(service.workers()) == 2)
    assert other in service.workers()
    until(lambda: len(set(service.pids(2))) == 2)
    assert not service.logged("worker died")


def test_one_worker_is_supervised_too(start: Start) -> None:
    service = start(workers=1, lame_duck=0)
    until(service.is_ready)
    (victim,) = service.workers()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in service.workers() and service.is_ready())
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
