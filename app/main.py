"""The composition root: settings in, a running application out.

Importing this module does nothing; `create_app` builds, and the lifespan loads models in
the background, so that probes answer from the first moment.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

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
from app.in_flight import WorkerGroup
from app.metrics import Metrics
from app.process.resources import available_cpus, release_memory
from app.runtime.providers import providers_for
from app.serving.catalog import Catalog, Loading
from app.settings import Settings

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


def _loading(settings: Settings, workers: WorkerGroup) -> Loading:
    return Loading(
        settings.device,
        settings.threads or available_cpus(),
        BatchingPolicy(settings.max_batch, settings.max_queue),
        settings.deadline,
        settings.cuda_graphs,
        workers,
        after_load=release_memory,
    )


def create_app(settings: Settings, workers: WorkerGroup | None = None) -> FastAPI:
    """Return the ASGI application; raise `DeviceUnavailable` if its device is not there.

    workers: what it shares with the other workers of the service.
    """
    providers_for(settings.device)
    workers = workers or WorkerGroup()
    models = Catalog(settings.models, _loading(settings, workers), settings.defaults)
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
    app.state.ready = lambda: workers.all_ready() and models.ready
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
