"""The dispatcher with real sockets, and workers that only take connections."""

import errno
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from app.process.channel import Report
from app.process.dispatcher import Dispatcher
from app.process.loop import Loop


@dataclass
class Taking:
    """A worker; `full` is how often its channel is full before it takes a connection."""

    retiring: bool = False
    report: Report = field(default_factory=lambda: Report(ready=True))
    heard: float = field(default_factory=time.monotonic)
    connections: int = 0
    full: int = 0

    def send(self, connection: socket.socket) -> bool:
        self.full -= 1
        self.connections += self.full < 0
        return self.full < 0


class Exhausted(socket.socket):
    """A listening socket for whose next connections there is no descriptor."""

    failures = 3

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def listener() -> Iterator[Exhausted]:
    with Exhausted() as made:
        made.failures = 0
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def dispatcher(listener, loop: Loop, *workers: Taking, capacity: int = 100) -> Dispatcher:
    made = Dispatcher(listener, workers, loop, 60, capacity)
    made.start()
    return made


def test_without_descriptors_it_pauses_says_so_once_and_goes_on(listener, loop, caplog) -> None:
    worker, listener.failures = Taking(), 3
    dispatcher(listener, loop, worker)
    with socket.create_connection(listener.getsockname()), caplog.at_level(logging.ERROR):
        turns = 0
        while not worker.connections:
            loop.turn()
            turns += 1
    assert [record.getMessage() for record in caplog.records] == ["cannot accept a connection"]
    assert turns <= 8, "a turn for each try and for each pause: it does not spin"


def test_a_connection_that_nobody_can_take_is_offered_again_and_others_wait(listener, loop) -> None:
    worker = Taking(full=3)
    dispatcher(listener, loop, worker)
    address = listener.getsockname()
    with socket.create_connection(address), socket.create_connection(address):
        loop.turn()
        assert (worker.connections, worker.full) == (0, 2), "the second one was not accepted"
        while worker.connections < 2:
            loop.turn()
    assert worker.full == -2


def test_nobody_gets_more_connections_than_its_capacity(listener, loop, caplog) -> None:
    workers = Taking(connections=2), Taking(connections=1)
    made = dispatcher(listener, loop, *workers, capacity=2)
    assert made.pass_on(listener)
    assert not made.pass_on(listener)
    assert [worker.connections for worker in workers] == [2, 2]
    assert "descriptors" in caplog.text


def test_the_fewest_connections_count_among_equals(listener, loop) -> None:
    fewest, more = Taking(connections=1), Taking(connections=2)
    starting = Taking(report=Report())
    silent, retiring = Taking(heard=time.monotonic() - 61), Taking(retiring=True)
    order = (fewest, more, silent, starting, retiring)
    made = dispatcher(listener, loop, *reversed(order))
    for worker in order:
        before = worker.connections
        assert made.pass_on(listener)
        assert worker.connections == before + 1
        worker.full = 10**6  # from now on its channel is full
