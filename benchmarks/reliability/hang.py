"""Work that never ends: it is found, ended or replaced, and a signal ends the service all the same.

Each state is also asked to stop: SIGTERM must end the service within the deadline of a request.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks.reliability import bundles, faulty_graphs, planted
from benchmarks.reliability.bundles import digit, picture_question, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, ask, put, tally
from benchmarks.reliability.pictures import flat
from benchmarks.reliability.process import is_alive
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.service import Launch, Service, running, wait_until

_HEARTBEAT = 6  # seconds of silence after which a worker is replaced
_DEADLINE = 4  # seconds for an answer
_LAME_DUCK = 2  # seconds between SIGTERM and the end of accepting
_GRACE = 5  # seconds after both, when a process that has not ended is killed
_SLACK = 2  # seconds that a busy machine may need besides
_SETTINGS = {"POLL": "0.2", "DEADLINE": str(_DEADLINE), "LAME_DUCK": str(_LAME_DUCK)}
_SOONER = {"WATCHDOG": "3"}  # of a quick run; otherwise the default
_END = _LAME_DUCK + _DEADLINE + _GRACE + _SLACK
_STOPPED = Promise(
    "stopped",
    f"until SIGTERM in that state ends it: lame duck {_LAME_DUCK} s, deadline {_DEADLINE} s,"
    f" grace {_GRACE} s",
    at_most(_END, "s"),
)
_LEFT = Promise("left", "processes that are left then", exactly(0, "processes"))
_REPLACED = at_most(_HEARTBEAT + _SLACK, "s")
_NEW = ClientBehaviour(kept=False, pause=0.05)
_OK = exactly(0, "requests")


def _settings(scope: Scope) -> dict[str, str]:
    return scope.choose(_SETTINGS, _SETTINGS | _SOONER)


def _stop(service: Service) -> Iterator[tuple[str, Figure]]:
    members = machine.tree(service.pid)
    yield "stopped", Figure(service.end(patience=_END + 4))
    wait_until(lambda: not any(map(is_alive, members)), 2)
    yield "left", Figure(sum(map(is_alive, members)))


def _replaced(service: Service, pid: int, patience: float = 20) -> float:
    """Return the seconds until another worker is there instead."""
    count = len(service.workers())
    return wait_until(
        lambda: pid not in (now := service.workers()) and len(now) == count, patience, 0.05
    )


def _stopped_worker(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as folder:
        models = serve_copies(Path(folder), "digits")
        with running(Launch(models, _settings(scope))) as service:
            victim = service.workers()[0]
            os.kill(victim, signal.SIGSTOP)
            seconds = _replaced(service, victim)
            yield "replaced", Figure(seconds)
            if seconds == float("inf"):
                os.kill(victim, signal.SIGCONT)
            service.wait_ready()
            os.kill(service.workers()[-1], signal.SIGSTOP)
            yield from _stop(service)


def _blocked_loop(scope: Scope) -> Iterator[tuple[str, Figure]]:
    program = ("benchmarks.reliability.planted",)
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(serve_copies(Path(folder), "digits"), _settings(scope), program)
        with running(launch) as service:
            before = set(service.workers())
            _block(service)
            seconds = wait_until(lambda: bool(set(service.workers()) - before), 20, step=0.05)
            yield "replaced", Figure(seconds)
            name = planted.block_the_event_loop.__name__
            yield "dump", Figure(int(name in service.text()), f"looked for {name}")
            if seconds < float("inf"):
                service.wait_ready()
                _block(service)
                time.sleep(0.5)
            yield from _stop(service)


def _block(service: Service) -> None:
    """Send the request that blocks a worker, from a thread that nobody waits for."""
    asked = (service.port, "GET", planted.BLOCK)
    threading.Thread(target=ask, args=asked, daemon=True).start()


def _endless_graph(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Ask for what never ends, of a model that has answered nothing yet, then of a quick one."""
    good, bad = (picture_question("endless", flat(level)) for level in (100, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = serve_copies(Path(name), "digits")
        bundles.plant(folder, "endless", faulty_graphs.endless())
        with running(Launch(folder, {**_SETTINGS, "WORKERS": "1"})) as service:
            reply = put(service.port, bad, _DEADLINE + 2 * _SLACK)
            yield "answered", Figure(reply.seconds if reply.status == 504 else float("inf"))
            first = put(service.port, good, _DEADLINE)  # 503 while the run is being ended
            seconds = wait_until(
                lambda: put(service.port, good, _DEADLINE).status == 200, 3 * _DEADLINE
            )
            yield "again", Figure(seconds, f"the first came at once: {first.outcome}")
        with running(Launch(folder, _settings(scope))) as service:
            for _ in range(100):  # so quick that its batches run on the event loop
                put(service.port, good)
            hung = threading.Thread(target=put, args=(service.port, bad, 20), daemon=True)
            hung.start()
            time.sleep(scope.choose(_HEARTBEAT, 3) + _SLACK)
            with Clients(service.port, [good, digit()], 8, _NEW) as clients:
                time.sleep(1)
            outcomes = clients.outcomes()
            yield "others", Figure(clients.failed(), f"answers: {tally(outcomes)}")
            threading.Thread(target=put, args=(service.port, bad, 20), daemon=True).start()
            time.sleep(0.3)
            yield from _stop(service)


def _bad_bundle(plant: Callable[[Path], Path], scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Put a bundle beside a served one that stops or kills whoever loads it."""
    with tempfile.TemporaryDirectory() as name:
        folder = serve_copies(Path(name), "digits")
        with running(Launch(folder, _SETTINGS)) as service:
            before = service.workers()
            with Clients(service.port, [digit()], 4, ClientBehaviour(pause=0.02)) as clients:
                plant(folder)
                time.sleep(1)
                serve_copies(folder, "listops")
                later = bundles.question("listops")
                seconds = wait_until(lambda: put(service.port, later, 5).status == 200, 20, 0.1)
                time.sleep(1)
            yield "good", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")
            yield "died", Figure(len(set(before) - set(service.workers())))
            yield "later", Figure(seconds)
            yield from _stop(service)


def _bad_bundle_experiment(name: str, what: str, plant: Callable[[Path], Path]) -> Experiment:
    return Experiment(
        f"hang/{name}",
        (
            Promise("good", f"requests to a good model that fail beside {what}", _OK),
            Promise("died", "workers that it costs", exactly(0, "workers")),
            Promise("later", "until a good bundle published after it answers", at_most(12, "s")),
            _STOPPED,
            _LEFT,
        ),
        partial(_bad_bundle, plant),
    )


EXPERIMENTS = (
    Experiment(
        "hang/stopped-worker",
        (
            Promise("replaced", "until a worker stopped by SIGSTOP is replaced", _REPLACED),
            _STOPPED,
            _LEFT,
        ),
        _stopped_worker,
    ),
    Experiment(
        "hang/blocked-loop",
        (
            Promise("replaced", "until a worker with a blocked event loop is replaced", _REPLACED),
            Promise("dump", "stack dumps in the log that name the blocking function", exactly(1)),
            _STOPPED,
            _LEFT,
        ),
        _blocked_loop,
    ),
    Experiment(
        "hang/endless-graph",
        (
            Promise(
                "answered",
                f"until 504 for a graph that never ends; the deadline is {_DEADLINE} s",
                at_most(_DEADLINE + _SLACK, "s"),
            ),
            Promise("again", "until the same model answers again afterwards", at_most(_SLACK, "s")),
            Promise(
                "others",
                f"requests of others that fail {_HEARTBEAT + _SLACK} s after a model known as"
                " quick did not end",
                _OK,
            ),
            _STOPPED,
            _LEFT,
        ),
        _endless_graph,
    ),
    _bad_bundle_experiment("fifo", "a FIFO as manifest.json", bundles.plant_fifo),
    _bad_bundle_experiment(
        "golden-case", "a golden case that never ends", bundles.plant_endless_golden_case
    ),
    _bad_bundle_experiment("crash", "a graph that kills its loader", bundles.plant_crash),
)
