"""Serving until a signal ends it: in this process, or in several workers behind one port.

The composition root is passed in as `create_app`, so that this package knows no route and no model.
"""

import asyncio
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from app.in_flight import InFlight, WorkerGroup
from app.process.connection import Connection
from app.process.open_connections import ConnectionLimits, OpenConnections
from app.process.resources import available_cpus, default_workers, pin_to_gpu, use_one_heap
from app.process.supervisor import Supervisor, listen
from app.process.worker import Worker
from app.runtime.providers import providers_for
from app.settings import Settings
from app.shared_numbers import SharedNumbers
from app.telemetry import configure_logging, event

# Returns an ASGI application; its `state.catalog.ready` says whether this process has its models.
CreateApp = Callable[[Settings, WorkerGroup], Any]


def serve(settings: Settings, create_app: CreateApp) -> None:
    """Listen until SIGTERM or SIGINT; requests in flight are answered first.

    Raises `DeviceUnavailable`, and `OSError` where it cannot listen.
    """
    configure_logging()
    _raise_file_limit()
    use_one_heap()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # it warns of what clients sent
    # The supervisor loads no model, but refuses a device on which no worker can run.
    providers_for(settings.device)
    with listen(settings.host, settings.port) as listener:
        address = "http://{}:{}".format(*listener.getsockname()[:2])
        workers = settings.workers or default_workers(settings.device)
        event(f"running on {address}", models=str(settings.models), workers=workers)
        if workers == 1:
            _exit_on_sigterm()
            config = _configure(create_app(settings, WorkerGroup()), settings)
            uvicorn.Server(config).run([listener])
        else:
            cores = settings.threads or available_cpus()
            own = settings.model_copy(update={"threads": max(1, cores // workers)})
            with TemporaryDirectory(prefix="thalamus-") as folder:
                numbers = SharedNumbers(workers)
                group = WorkerGroup(InFlight(workers), cores, Path(folder), numbers=numbers)
                Supervisor(listener, workers, partial(run_worker, own, create_app, group)).run()


def run_worker(
    settings: Settings,
    create_app: CreateApp,
    group: WorkerGroup,
    channel: socket.socket,
    index: int,
) -> None:
    """Be the worker `index` of several, from 0, until a signal or the end of the supervisor.

    channel: the socket to the supervisor.
    """
    _exit_on_sigterm()
    if settings.device != "cpu":
        pin_to_gpu(index)  # before anything here initialises CUDA
    group.in_flight.join(index)
    group.numbers.join(index)
    worker = Worker(channel)
    app = create_app(settings, replace(group, all_ready=lambda: worker.all_ready))
    config = _configure(app, settings)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(worker.run(config, lambda: app.state.catalog.ready))


def _configure(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(Connection, OpenConnections(_limits(settings))),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        proxy_headers=False,  # nothing here asks who the client is
        access_log=False,  # `app.api.edge` logs requests, with their ids
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline),
    )


def _limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of connections; half of the open files are left to models and probes."""
    return ConnectionLimits(
        head_timeout=settings.head_timeout,
        keep_alive=settings.keep_alive,
        send_timeout=settings.send_timeout,
        max_head=settings.max_head,
        connections=min(settings.max_connections, max(1, _raise_file_limit() // 2)),
    )


def _exit_on_sigterm() -> None:
    """Exit with status 0 on SIGTERM.

    uvicorn answers the requests in flight and then raises the signal again; that is a success.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _raise_file_limit() -> int:
    """Allow as many open files as the system permits, and return how many: one a connection."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard != resource.RLIM_INFINITY:
            return hard
    return sys.maxsize
