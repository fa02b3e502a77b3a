"""The composition root: settings in, a running application out.

Importing this module does nothing; `create_app` builds, and the lifespan loads models in
the background, so that probes answer from the first moment.
"""

import asyncio
import os
import signal
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app import __version__
from app.api import catalog, classify, docs, health, openapi, problems
from app.api.limits import Limits as RequestLimits
from app.engine.session import choose_providers, cuda_present
from app.serving.catalog import Catalog, Loading
from app.serving.model import Limits
from app.settings import Settings
from app.telemetry import Metrics, configure_logging, event

DESCRIPTION = "Classify images, text and audio by HTTP POST."


def create_app(settings: Settings) -> FastAPI:
    """Return the ASGI application; raise `DeviceUnavailable` if its device is not there."""
    choose_providers(settings.device, settings.device != "cpu" and cuda_present())
    limits = Limits(settings.max_batch, settings.max_queue, settings.deadline)
    loading = Loading(settings.device, settings.threads or available_cpus(), limits)
    models = Catalog(settings.models, loading, settings.defaults)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watcher = asyncio.create_task(models.watch(settings.poll))
        yield
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await models.close()

    app = FastAPI(
        title="Thalamus",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would repeat the client's Host header
        docs_url=None,
        redoc_url=None,
        responses=openapi.RESPONSES,
    )
    app.state.catalog, app.state.metrics = models, metrics
    app.state.max_items = settings.max_items
    for module in (classify, catalog, health, docs):
        app.include_router(module.router)
    problems.install(app)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    app.add_middleware(
        RequestLimits,
        metrics=metrics,
        max_body=settings.max_body,
        max_requests=settings.max_requests,
        timeout=settings.receive_timeout,
    )
    return app


def serve(settings: Settings) -> None:
    """Listen until told to stop; in-flight requests are answered first."""
    configure_logging()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # it warns of what the client sent
    app = create_app(settings)
    # uvicorn drains and then raises the signal again; having drained is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    event("listening", host=settings.host, port=settings.port, models=str(settings.models))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # `limits` logs each request, with its id
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
