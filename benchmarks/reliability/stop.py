"""Stopping, restarting and losing a process under load."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.reliability.bundles import digit, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, Reply, ask
from benchmarks.reliability.process import descriptors
from benchmarks.reliability.promise import (
    Experiment,
    Figure,
    Promise,
    Scope,
    at_most,
    exactly,
)
from benchmarks.reliability.raw import connect
from benchmarks.reliability.service import Launch, Service, running, wait_until

_CLIENTS = 16
_OK = exactly(0, "requests")
_LOADED = '"model ready"'


def _models(folder: str) -> Path:
    return serve_copies(Path(folder), "digits")


def _closes(reply: Reply) -> bool:
    """Whether the server announced that it closes the connection, or did."""
    return reply.status == 0 or reply.headers.get("connection", "").lower() == "close"


def _kept_alive(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Stop under kept-alive clients, each of which ends when close is announced or it is lost."""
    lost, total, slowest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(_models(folder))
        for _ in range(scope.choose(5, 2)):
            with running(launch) as service:
                clients = Clients(
                    service.port, [digit()], _CLIENTS, ClientBehaviour(pause=0.002, until=_closes)
                )
                with clients:
                    time.sleep(0.7)
                    slowest = max(slowest, service.end())
                    clients.join()
            lost += clients.failed()
            total += len(clients.replies)
    yield "lost", Figure(lost, f"of {total:,}")
    yield "ended", Figure(slowest)


def _balanced(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Stop under clients that a balancer takes away a moment after readiness says no."""
    lost, total = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(_models(folder))
        for _ in range(scope.choose(5, 2)):
            with running(launch) as service:
                unready = threading.Event()
                behaviour = ClientBehaviour(kept=False, pause=0.01, until=partial(_is_set, unready))
                with Clients(service.port, [digit()], _CLIENTS // 2, behaviour) as clients:
                    time.sleep(0.5)
                    service.process.send_signal(signal.SIGTERM)
                    wait_until(
                        lambda: ask(service.port, "GET", "/readyz", timeout=1).status != 200, 10
                    )
                    unready.set()
                    clients.join()
            lost += clients.failed()
            total += len(clients.replies)
    yield "lost", Figure(lost, f"of {total:,}")


def _is_set(event: threading.Event, reply: Reply) -> bool:
    return event.is_set()


def _killed(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Kill a worker under load, several times."""
    count = scope.choose(5, 2)
    excess, slowest, lost = 0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder, running(Launch(_models(folder))) as service:
        for turn in range(count):
            with Clients(
                service.port, [digit()], _CLIENTS, ClientBehaviour(pause=0.002)
            ) as clients:
                time.sleep(0.7)
                victim = service.workers()[turn % 2]
                held = descriptors(victim)
                loaded = service.text().count(_LOADED)
                os.kill(victim, signal.SIGKILL)
                seconds = wait_until(lambda n=loaded: service.text().count(_LOADED) > n, 20)  # type: ignore[misc]
                slowest = max(slowest, seconds)
                time.sleep(0.3)
            lost += clients.failed()
            excess += max(0, clients.failed() - min(held, _CLIENTS))
    yield "others", Figure(excess, f"{lost} were in flight there, {count} kills")
    yield "replaced", Figure(slowest, "the slowest; its model loaded")


def _early(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Send SIGTERM within 60 ms of a worker's birth."""
    count, survived = scope.choose(20, 4), 0
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(_models(folder))
        for turn in range(count):
            with running(launch, ready=False) as service:
                wait_until(lambda s=service: len(_others(s)) > 1, 20, 0.001)  # type: ignore[misc]
                time.sleep(0.06 * turn / count)
                survived += service.end(patience=6) == float("inf")
    yield "survived", Figure(survived, f"of {count}")


def _others(service: Service) -> list[int]:
    return [pid for pid in service.workers() if pid != service.pid]


def _second(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Send a second SIGTERM while an upload is stuck; others' work only adds to the time."""
    count, seconds = scope.choose(3, 2), []
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(_models(folder))
        for _ in range(count):
            with running(launch) as service, connect(service.port, digit().wire()[:-50]):
                time.sleep(0.3)
                service.process.send_signal(signal.SIGTERM)
                time.sleep(0.7)
                seconds.append(service.end(patience=10))
    yield "second", Figure(min(seconds), f"the quickest of {count}")


EXPERIMENTS = (
    Experiment(
        "stop/kept-alive",
        (
            Promise("lost", "requests lost that were sent before close was announced", _OK),
            Promise("ended", "until the service has ended under load", at_most(10, "s")),
        ),
        _kept_alive,
    ),
    Experiment(
        "stop/balanced",
        (Promise("lost", "requests lost that were sent before readiness said no", _OK),),
        _balanced,
    ),
    Experiment(
        "stop/kill-9",
        (
            Promise("others", "requests lost that were not in flight in a killed worker", _OK),
            Promise("replaced", "until a killed worker is replaced", at_most(3, "s"), True),
        ),
        _killed,
    ),
    Experiment(
        "stop/early",
        (
            Promise(
                "survived",
                "services that a SIGTERM in the first 60 ms of a worker does not end",
                exactly(0, "services"),
            ),
        ),
        _early,
    ),
    Experiment(
        "stop/second-signal",
        (Promise("second", "until a second SIGTERM has ended the service", at_most(1, "s"), True),),
        _second,
    ),
)
