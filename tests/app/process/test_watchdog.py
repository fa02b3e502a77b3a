"""Workers that are stopped, blocked or dead are replaced, and others are not."""

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.process.services import Service, alive, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked"),
]
LIMIT = 1.5  # seconds


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    started = Service(
        "tests.app.process.small_service", str(tmp_path), workers=2, watchdog=LIMIT, lame_duck=0
    )
    until(started.is_ready)
    yield started
    started.end()


def restarts(service: Service) -> int:
    return int(service.get("/pid").text.split()[1])


def test_a_stopped_worker_is_replaced(service: Service) -> None:
    victim, other = service.workers()
    os.kill(victim, signal.SIGSTOP)
    until(lambda: victim not in service.workers() and len(service.workers()) == 2)
    assert other in service.workers()
    (silent,) = service.wait_for("worker is silent")
    assert (silent["pid"], silent["stacks"]) == (victim, "none were written")
    assert "stopped" in silent["state"]
    (died,) = service.wait_for("worker died")
    assert (died["pid"], died["status"]) == (victim, -signal.SIGKILL)
    assert "silent" in died["reason"]
    assert restarts(service) == 1


def test_a_worker_with_a_blocked_loop_is_replaced_and_its_stacks_are_in_the_log(
    service: Service,
) -> None:
    with socket.create_connection((service.host, service.port)) as blocking:
        blocking.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        service.wait_for("worker died")
        assert blocking.recv(1) == b"", "it ended with its worker"
    (silent,) = service.logged("worker is silent")
    assert "in block_the_loop" in silent["stacks"]
    assert silent["state"] == "blocked"
    until(lambda: len(service.workers()) == 2)
    assert silent["pid"] not in service.workers()


def test_connections_on_their_way_to_a_stopped_worker_are_passed_to_another(
    service: Service,
) -> None:
    victim, other = service.workers()
    os.kill(victim, signal.SIGSTOP)
    assert victim not in service.pids(4), "half of them were first sent to the stopped one"
    assert other in service.workers()


def test_a_suspended_machine_does_not_make_workers_look_silent(service: Service) -> None:
    workers = service.workers()
    for pid in (service.parent.pid, *workers):  # the machine is suspended
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2 * LIMIT)
    service.signal(signal.SIGCONT)
    time.sleep(LIMIT / 3)  # the supervisor looks before the workers can report
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    time.sleep(LIMIT)
    assert service.workers() == workers
    assert not service.logged("worker died")


def test_workers_that_die_young_do_not_keep_others_from_clients(
    service: Service, tmp_path: Path
) -> None:
    victim, other = service.workers()
    (tmp_path / "young").touch()
    os.kill(victim, signal.SIGKILL)
    assert {each["status"] for each in service.wait_for("worker died", 3)[1:]} == {7}
    assert service.workers()[0] == other
    assert set(service.pids(20)) == {other}
    assert service.is_ready()
    (tmp_path / "young").unlink()
    until(lambda: len(set(service.pids(2))) == 2)


def test_no_message_and_no_pause_changes_the_counts_of_connections(service: Service) -> None:
    connections = [socket.create_connection((service.host, service.port)) for _ in range(600)]
    until(lambda: service.is_ready())
    service.signal(signal.SIGSTOP)
    for connection in connections:  # more reports than the channels hold
        connection.close()
    time.sleep(0.5)
    service.signal(signal.SIGCONT)
    until(lambda: set(Counter(service.pids(20)).values()) == {10})


def test_sigusr1_logs_the_stacks_of_all_workers_and_ends_nothing(service: Service) -> None:
    workers = service.workers()
    service.signal(signal.SIGUSR1)
    logged = service.wait_for("stacks of a worker", 2)
    assert {each["pid"] for each in logged} == set(workers)
    assert all("in run_worker" in each["stacks"] for each in logged)
    os.kill(workers[0], signal.SIGUSR1)
    service.wait_for("stacks of a worker", 3)
    assert service.workers() == workers


def test_a_worker_that_ran_out_of_descriptors_loses_only_connections(tmp_path: Path) -> None:
    service = Service("tests.app.process.small_service", str(tmp_path), workers=1, files=100)
    try:
        until(service.is_ready)
        (worker,) = service.workers()
        with service.connect() as client:
            client.ask("/exhaust")
            with socket.create_connection((service.host, service.port)) as lost:
                assert lost.recv(1) == b""
            service.wait_for("connection lost")
            client.ask("/release")
        assert set(service.pids(40)) == {worker}
        assert [each["event"] for each in service.events if each["level"] == "error"] == [
            "connection lost"
        ]
    finally:
        service.end()


def test_more_clients_than_descriptors_wait_and_are_served(tmp_path: Path) -> None:
    service = Service("tests.app.process.small_service", str(tmp_path), workers=2, files=100)
    try:
        until(service.is_ready)
        crowd = [socket.create_connection((service.host, service.port)) for _ in range(300)]
        assert set(service.pids(4)) <= set(service.workers()), "those that wait make room"
        for connection in crowd:
            connection.close()
        until(lambda: set(Counter(service.pids(20)).values()) == {10})
        assert not service.logged("worker died")
        assert not service.logged("connection lost")
    finally:
        service.end()


def test_workers_end_when_the_supervisor_dies_even_if_they_are_stopped_or_blocked(
    tmp_path: Path,
) -> None:
    service = Service("tests.app.process.small_service", str(tmp_path), workers=2, deadline=0.5)
    try:
        until(service.is_ready)
        workers = service.workers()
        with service.connect() as client:
            client.request("GET", "/block")
            time.sleep(0.1)
            blocked = next(
                pid for pid in workers if pid != int(service.get("/pid").text.split()[0])
            )
            os.kill(next(pid for pid in workers if pid != blocked), signal.SIGSTOP)
            os.kill(service.parent.pid, signal.SIGKILL)
            until(lambda: not any(alive(pid) for pid in workers))
    finally:
        service.end()
