"""The composition root: settings in, a running application out.

Importing this module does nothing; `create_app` builds, and the lifespan loads models in
the background, so that probes answer from the first moment.
"""

import asyncio
import os
import signal
import socket
import sys
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.api import (
    catalog,
    classify,
    complete,
    docs,
    embed,
    health,
    openapi,
    problems,
    reconstruct,
)
from app.api.edge import Door, Limits
from app.api.endpoint import Serving
from app.api.fast_path import HotRoute, Shortcut
from app.batching.latency_model import BatchingPolicy
from app.in_flight import InFlight, WorkerGroup
from app.metrics import Metrics
from app.process.allocator import release_memory, use_one_heap
from app.process.connection import Connection
from app.process.gpus import see_only, visible_gpus
from app.process.server import Server
from app.process.supervisor import Supervisor, listen
from app.process.worker import Worker
from app.runtime.providers import Device, cuda_present, providers_for
from app.serving.catalog import Catalog, Loading
from app.settings import Settings
from app.telemetry import configure_logging, event

DESCRIPTION = "Classify images, text, audio and trees by HTTP POST."
_KINDS = (classify, embed, reconstruct, complete)  # of requests, the most frequented first


class Service(FastAPI):
    """FastAPI behind a door of our own, through which all goes before FastAPI's middleware."""

    def __init__(self, **described: Any) -> None:
        super().__init__(**described)
        self._door: ASGIApp = super().__call__

    def add_hot(self, routes: list[HotRoute]) -> None:
        """Add routes, and the shortcut to them."""
        self.router.routes.extend(routes)
        self.enter_by(partial(Shortcut, routes=routes))

    def enter_by(self, door: Callable[[ASGIApp], ASGIApp]) -> None:
        """Put `door(inner)` in front of what is there."""
        self._door = door(self._door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        await self._door(scope, receive, send)


def create_app(settings: Settings, workers: WorkerGroup | None = None) -> FastAPI:
    """Return the ASGI application; raise `DeviceUnavailable` if its device is not there.

    workers: what it shares with the other workers of the service.
    """
    providers_for(settings.device)
    workers = workers or WorkerGroup()
    bounds = BatchingPolicy(settings.max_batch, settings.max_queue)
    threads = settings.threads or available_cpus()
    loading = Loading(
        settings.device, threads, bounds, settings.deadline, settings.cuda_graphs, workers
    )
    models = Catalog(settings.models, loading, settings.defaults)
    metrics = Metrics(workers.folder)
    app = Service(
        title="Thalamus",
        version=__version__,
        description=DESCRIPTION,
        lifespan=partial(_lifespan, models, metrics, settings.poll),
        redirect_slashes=False,  # a redirect would repeat the client's Host header
        docs_url=None,
        redoc_url=None,
        responses=openapi.RESPONSES,
    )
    app.state.catalog, app.state.metrics = models, metrics
    app.state.ready = lambda: models.ready
    problems.install(app)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    serving = Serving(models, metrics, settings.max_items, settings.receive_timeout)
    app.add_hot([route for kind in _KINDS for route in kind.routes(serving)])
    for module in (catalog, health, docs):
        app.include_router(module.router)
    door = Door(settings.max_body, settings.max_bytes, settings.max_requests)
    app.enter_by(
        partial(
            Limits,
            metrics=metrics,
            door=door,
            in_flight=workers.in_flight,
            log_all=settings.log_requests,
        )
    )
    return app


@asynccontextmanager
async def _lifespan(
    models: Catalog, metrics: Metrics, poll: float, app: FastAPI
) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(models.watch(poll)), asyncio.create_task(_tidying(metrics))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await models.close()
    metrics.save()


async def _tidying(metrics: Metrics) -> None:
    """Save what was counted; give memory back once nobody asks any more."""
    busy = False
    while True:
        await asyncio.sleep(1)
        busy, before = metrics.save(), busy
        if before and not busy:
            release_memory()


def serve(settings: Settings) -> None:
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
                workers = WorkerGroup(InFlight(count), cores, Path(folder))
                Supervisor(listener, count, partial(_work, own, workers)).run()


def _allow_connections() -> None:
    """Allow as many open files as the system lets us: each connection is one."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _work(settings: Settings, workers: WorkerGroup, channel: socket.socket, place: int) -> None:
    """Be one of several workers, the `place`th."""
    if settings.device != "cpu":
        see_only(place)  # before anything here touches CUDA
    workers.in_flight.join(place)
    app = create_app(settings, workers)
    config = _uvicorn(app, settings)
    worker = Worker(config, channel)
    app.state.ready = lambda: worker.all_ready and app.state.catalog.ready
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(worker.run(lambda: app.state.catalog.ready))


def _uvicorn(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        proxy_headers=False,  # nothing here asks who the client is
        access_log=False,  # `limits` logs requests, with their ids
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline),
    )


def available_cpus(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many CPUs this process may use; ONNX Runtime would count the host's.

    quota: the cgroup's `<microseconds> <period>` or `max <period>`, where there is one.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        share, period = quota.read_text().split()
        return max(1, min(allowed or 1, int(share) // int(period)))
    except (OSError, ValueError):  # no cgroup, or no limit in it
        return allowed or 1


def default_workers(device: Device) -> int:
    """Return how many processes serve best: one a GPU, else one a core.

    A GPU is fed by threads, which decode without Python's lock; two processes would share its
    memory and take turns.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":  # whose libraries do not survive it
        return 1
    if device != "cpu" and cuda_present():
        return max(1, len(visible_gpus()))
    return available_cpus()
