"""From settings to a port that answers: one process, or a supervisor and its workers."""

import asyncio
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from app.in_flight import Crew
from app.process.allocator import use_one_heap
from app.process.connection import Connection
from app.process.cpus import available_cpus, default_workers
from app.process.gpus import see_only
from app.process.server import Server
from app.process.supervisor import Supervisor, listen
from app.process.worker import Worker
from app.runtime.providers import providers_for
from app.settings import Settings
from app.telemetry import configure_logging, event

CreateApp = Callable[..., Any]  # of settings, and of what the workers have in common


def serve(settings: Settings, create_app: CreateApp) -> None:
    """Listen until told to stop; in-flight requests are answered first."""
    configure_logging()
    _allow_connections()
    use_one_heap()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # it warns of what the client sent
    # The parent of several workers loads nothing, but refuses what cannot work.
    providers_for(settings.device)
    with listen(settings.host, settings.port) as listener:
        address = "http://{}:{}".format(*listener.getsockname()[:2])
        count = settings.workers or default_workers(settings.device)
        event(f"running on {address}", models=str(settings.models), workers=count)
        if count == 1:
            # uvicorn drains and then raises the signal again; having drained is a success.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            Server(_uvicorn(create_app(settings), settings)).run([listener])
        else:
            cores = settings.threads or available_cpus()
            own = settings.model_copy(update={"threads": max(1, cores // count)})
            with TemporaryDirectory(prefix="thalamus-") as folder:
                crew = Crew(count, cores, Path(folder))
                Supervisor(listener, count, partial(_work, own, create_app, crew)).run()


def _allow_connections() -> None:
    """Allow as many open files as the system lets us: each connection is one."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _work(
    settings: Settings, create_app: CreateApp, crew: Crew, channel: socket.socket, place: int
) -> None:
    """Be one of several workers, the `place`th."""
    if settings.device != "cpu":
        see_only(place)  # before anything here touches CUDA
    crew.join(place)
    app = create_app(settings, crew)
    config = _uvicorn(app, settings)
    worker = Worker(config, channel)
    app.state.ready = lambda: worker.all_ready and app.state.catalog.ready
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(worker.run(lambda: app.state.catalog.ready))


def _uvicorn(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        proxy_headers=False,  # nothing here asks who the client is
        access_log=False,  # `limits` logs requests, with their ids
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline),
    )
