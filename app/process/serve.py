"""Serving until a signal ends it, by workers behind one port, or where none can be forked, here.

The composition root is passed in as `create_app`, so that this package knows no route and no model.
"""

import asyncio
import math
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn

from app.access.keys_file import good_content
from app.in_flight import InFlight, Restarts, WorkerGroup, no_trial
from app.metrics.counting import withdraw_gauges
from app.process.connection import Connection
from app.process.exposure import check_exposure
from app.process.listener import listen, url
from app.process.open_connections import ConnectionLimits, OpenConnections
from app.process.policy import SupervisorPolicy
from app.process.resources import (
    available_cpus,
    available_memory,
    can_fork,
    default_workers,
    pin_to_gpu,
    use_one_heap,
)
from app.process.trial import Trials
from app.process.trial_server import Prove
from app.process.worker import Worker, end_with_supervisor
from app.runtime.providers import providers_for
from app.settings import Settings
from app.shared_bytes import SharedBytes
from app.shared_numbers import SharedNumbers
from app.telemetry import configure_logging, event

_OTHER_DESCRIPTORS = 48  # of a worker: models, libraries, channels
_QUOTAS = 2**20  # bytes of each worker for quotas: some 10,000 names of keys
_CLOSING = 2.0  # seconds to release the models

# Returns an ASGI application; its `state.catalog.ready` says whether this process has its models,
# and its `state.catalog.prove` tries one.
CreateApp = Callable[[Settings, WorkerGroup], Any]


def serve(settings: Settings, create_app: CreateApp) -> None:
    """Listen until SIGTERM or SIGINT; requests in flight are answered first.

    Raises `DeviceUnavailable`, `InvalidKeys`, `OperatorError` where it cannot or must not listen,
    and `SystemExit` with status 1 if a worker had to be killed at the end.
    """
    guarded = settings.keys_file is not None
    check_exposure(settings.host, meant=guarded or settings.allow_anonymous)
    configure_logging()
    _raise_file_limit()
    use_one_heap()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # it warns of what clients sent
    # The supervisor loads no model, but refuses a device on which no worker can run.
    providers_for(settings.device)
    keys = None if settings.keys_file is None else good_content(settings.keys_file)
    with listen(settings.host, settings.port) as listener:
        workers = settings.workers or default_workers(settings.device)
        event(
            f"running on {url(listener)}",
            models=str(settings.models),
            workers=workers,
            cpus=available_cpus(),
            memory=f"{available_memory() >> 20} MB",
        )
        if workers > 1 or can_fork():
            own = settings.model_copy(update={"workers": workers})
            if not _supervise(own, create_app, listener, keys):
                raise SystemExit(1)
        else:
            _exit_on_sigterm()
            app = create_app(settings, WorkerGroup(keys=_shared(keys)))
            config = _configure(app, settings, OpenConnections(_limits(settings)))
            uvicorn.Server(config).run([listener])


def _supervise(
    settings: Settings, create_app: CreateApp, listener: socket.socket, keys: bytes | None
) -> bool:
    """Serve by `settings.workers` workers; return whether all ended by themselves.

    keys: the content of the file of API keys, if there is one.
    """
    from app.process.supervisor import Supervisor  # it needs a POSIX system

    cores = settings.threads or available_cpus()
    own = settings.model_copy(update={"threads": max(1, cores // settings.workers)})
    indices = 2 * settings.workers
    in_flight, numbers, restarts = InFlight(indices), SharedNumbers(indices), Restarts()
    prove = partial(_prove, own, create_app)
    trial = Trials.start(prove, own.load_timeout, cores, [listener]) or no_trial
    group = WorkerGroup(
        in_flight,
        settings.workers,
        cores,
        restarts=restarts,
        numbers=numbers,
        trial=trial,
        keys=_shared(keys, indices),
        quotas=SharedNumbers(indices, _QUOTAS),
        rules=SharedBytes(indices),
    )

    def run(channel: socket.socket, index: int) -> None:
        end_with_supervisor(channel, own.deadline + _CLOSING)
        run_worker(own, create_app, group, channel, index)

    def on_end(index: int, replaced: bool) -> None:
        in_flight.clear(index)
        withdraw_gauges(numbers.of(index))
        if replaced:
            restarts.add()

    return Supervisor(listener, supervisor_policy(settings), run, on_end).run()


def _shared(keys: bytes | None, workers: int = 1) -> SharedBytes:
    """Return where the workers share what was last good of the file of API keys."""
    shared = SharedBytes(workers)
    if keys is not None:
        shared.put(keys)
    return shared


def supervisor_policy(settings: Settings) -> SupervisorPolicy:
    """Return what the settings say to the supervisor."""
    return SupervisorPolicy(
        workers=settings.workers,
        watchdog=settings.watchdog,
        lame_duck=settings.lame_duck,
        deadline=settings.deadline,
        capacity=_free_descriptors(),
    )


def _prove(settings: Settings, create_app: CreateApp) -> Prove:
    """Return what tries a version as a worker would load it; called in the trial server."""
    alone = settings.model_copy(update={"keys_file": None})  # nobody asks it; the file may be bad
    prove: Prove = create_app(alone, WorkerGroup()).state.catalog.prove
    return prove


def run_worker(
    settings: Settings,
    create_app: CreateApp,
    group: WorkerGroup,
    channel: socket.socket,
    index: int,
) -> None:
    """Be a worker until a signal or the end of the supervisor; then the process must end.

    Threads may still be at work that nobody waits for, such as on a model that never loads.

    channel: the socket to the supervisor. index: below twice `settings.workers`, see `Supervisor`.
    """
    _exit_on_sigterm()
    if settings.device != "cpu":
        pin_to_gpu(index % settings.workers)  # before anything here initialises CUDA
    group.in_flight.join(index)
    group.numbers.join(index)
    group.keys.join(index)
    group.quotas.join(index)
    group.rules.join(index)
    connections = OpenConnections(_limits(settings))
    worker = Worker(channel, connections, supervisor_policy(settings).beat)
    state = replace(group, all_ready=lambda: worker.all_ready, stopping=lambda: worker.draining)
    app = create_app(settings, state)
    config = _configure(app, settings, connections)
    runner = asyncio.Runner(loop_factory=config.get_loop_factory())
    catalog = app.state.catalog
    runner.run(worker.run(config, lambda: catalog.ready, lambda: catalog.failed))


def _configure(app: Any, settings: Settings, connections: OpenConnections) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(Connection, connections),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        proxy_headers=False,  # nothing here asks who the client is
        access_log=False,  # `app.api.edge` logs requests, with their ids
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.deadline),
    )


def _limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of connections.

    `ConnectionLimits.most` stays below the capacity up to which the supervisor sends connections.
    So the worker decides which of them makes room, and a probe does not wait in a queue.
    """
    return ConnectionLimits(
        head_timeout=settings.head_timeout,
        keep_alive=settings.keep_alive,
        send_timeout=settings.send_timeout,
        max_head=settings.max_head,
        unread=settings.max_bytes,
        connections=max(1, min(settings.max_connections, _free_descriptors() * 3 // 4)),
    )


def _exit_on_sigterm() -> None:
    """Exit with status 0 on SIGTERM.

    uvicorn answers the requests in flight and then raises the signal again; that is a success.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _free_descriptors() -> int:
    """Return how many open files of a worker may be connections."""
    files = _raise_file_limit()
    return max(files - _OTHER_DESCRIPTORS, files // 3, 1)


def _raise_file_limit() -> int:
    """Allow as many open files as the system permits, and return how many: one a connection."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard != resource.RLIM_INFINITY:
            return hard
    return sys.maxsize
