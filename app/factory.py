"""The composition root: `create_app` builds an explicit stack of ASGI applications from settings.

From the outside in: the caller's middleware, `Edge` (request ids, admission, errors, log),
`Access` (API keys, where there is a file of them), `FastPath` (the routes of tasks, in every
dialect), FastAPI
(catalog, probes, docs; HEAD as GET). Around all of them stand `WithoutPrefix` where there is a path
prefix, and `CrossOrigin` where pages of other origins may ask; then `Preflights` stands below
`Edge`, and above it `AllowedHosts` where hosts are listed.
The caller's middleware sees every answer, errors included. FastAPI's own middleware and
dependencies would not run on the fast path, so they are refused.

Importing this module has no effect. The lifespan loads models in the background, so that probes
are answered from the start.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any, NoReturn

from fastapi import APIRouter, FastAPI
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.access import Keyring, Quotas
from app.api import card, catalog, control, docs, health, openapi, page, problems
from app.api.access import Access
from app.api.allowed_hosts import AllowedHosts
from app.api.cross_origin import CrossOrigin, Preflights
from app.api.dialects import DIALECTS
from app.api.edge import AdmissionLimits, Edge
from app.api.fast_path import FastPath, FastRoute
from app.api.item_request import Serving
from app.api.method_head import HeadAsGet
from app.api.path_prefix import WithoutPrefix
from app.api.routes import routes
from app.background import Job, attempt, in_background
from app.bundle import Registry
from app.in_flight import WorkerGroup
from app.metrics import Metrics, families
from app.modalities import MODALITIES, Modality
from app.modalities.modality import no_instance
from app.pipeline import Watchdog
from app.pipeline.watchdog import GiveUp
from app.process.loading import load_options
from app.process.resources import available_cpus, release_memory
from app.runtime.providers import providers_for, runtime_version
from app.serving.catalog import Catalog
from app.serving.daemon_thread import in_daemon_thread
from app.serving.gauges import Gauges
from app.serving.loading import LoadOptions
from app.settings import Settings
from app.tasks import TASKS, Task
from app.telemetry import event

DESCRIPTION = "Classify images, text, audio and trees by HTTP POST."


class Application:
    """The whole stack as one ASGI application."""

    def __init__(self, stack: ASGIApp, api: FastAPI) -> None:
        self._stack, self._api = stack, api

    @property
    def state(self) -> State:
        """FastAPI's state, which its routes share."""
        return self._api.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await self._stack(scope, receive, send)

    @property
    def api(self) -> FastAPI:
        """FastAPI, the innermost layer: its routes, its lifespan, its OpenAPI document."""
        return self._api

    def add_middleware(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refuse: `create_app` takes the middleware, and builds the stack once."""
        raise TypeError("give create_app(settings, middleware=[Middleware(...)]) instead")


class _Api(FastAPI):
    """FastAPI as one layer of the stack. It refuses extensions that not every route would run."""

    def add_middleware(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refuse: FastAPI's middleware never runs for the routes of tasks."""
        raise TypeError("give create_app(settings, middleware=[Middleware(...)]) instead")

    def build_middleware_stack(self) -> ASGIApp:
        """Leave out the outermost layer: it would answer errors in plain text before `Edge`."""
        stack = super().build_middleware_stack()
        assert isinstance(stack, ServerErrorMiddleware)
        return stack.app

    def add_exception_handler(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refuse: FastAPI's handlers never run for the routes of tasks."""
        raise TypeError("app.api.problems has the one table of errors; change it there")


def create_app(
    settings: Settings,
    workers: WorkerGroup | None = None,
    *,
    tasks: Mapping[str, Task] = TASKS,
    modalities: Mapping[str, Modality] = MODALITIES,
    middleware: Sequence[Middleware] = (),
    give_up: GiveUp | None = None,
) -> Application:
    """Return the ASGI application; raise `DeviceUnavailable` if its device is not there.

    workers: the state that all workers of the service share. tasks, modalities: by the names that
    manifests use. middleware: runs for every request; the first is the outermost. give_up: ends
    this process, given a model whose run cannot be ended; None: nothing does.
    """
    provider, _ = providers_for(settings.device)[0]
    workers, registry = workers or WorkerGroup(), Registry(tasks, modalities)
    metrics = Metrics(workers.numbers, tuple(registry.tasks), {200, *problems.STATUSES.values()})
    options = _load_options(settings, registry, workers, metrics)
    watched = replace(options, watchdog=Watchdog(give_up))
    models = Catalog(settings.models, watched, settings.defaults)
    gauges = Gauges(models, metrics, workers, _build(provider))
    instances = [m.instance for m in modalities.values() if m.instance is not no_instance]
    serving = Serving(models, settings.max_items, settings.receive_timeout, instances)
    fast_routes = [
        *routes(serving, registry),
        *(route for dialect in DIALECTS for route in dialect.routes(serving, registry)),
    ]
    keyring = Keyring(settings.keys_file, workers.keys) if settings.keys_file else None
    jobs = (*_jobs(settings, models, metrics, gauges), *_key_jobs(keyring, metrics))
    api = _api(settings, registry, serving, jobs, fast_routes)
    api.state.openapi = docs.OpenApiDocument(api, settings.root_path)
    api.state.gauges, api.state.serving = gauges, serving
    api.state.ready = lambda: workers.all_ready() and models.ready and not workers.stopping()
    stack: ASGIApp = FastPath(HeadAsGet(api), fast_routes)
    if keyring is not None:
        stack = Access(stack, keyring, Quotas(workers.quotas), registry.tasks)
        api.openapi = partial(openapi.describe_keys, api.openapi, registry.tasks)  # type: ignore[method-assign]
    edge = _edge(settings, _below_the_edge(stack, settings), metrics, workers)
    return Application(_above_the_edge(edge, settings, middleware), api)


def _below_the_edge(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Wrap `app` in what says to which requests it answers."""
    if settings.cors_origins:
        app = Preflights(app, settings.cors_origins)
    if settings.allowed_hosts:
        app = AllowedHosts(app, settings.allowed_hosts)
    return app


def _above_the_edge(
    stack: ASGIApp, settings: Settings, middleware: Sequence[Middleware]
) -> ASGIApp:
    """Wrap the edge in what sees every answer."""
    stack = _with_middleware(stack, middleware)
    if settings.cors_origins:
        stack = CrossOrigin(stack, settings.cors_origins)
    if settings.root_path:
        stack = WithoutPrefix(stack, settings.root_path)
    return stack


def _edge(settings: Settings, stack: ASGIApp, metrics: Metrics, workers: WorkerGroup) -> Edge:
    limits = AdmissionLimits(settings.max_body, settings.max_bytes, settings.max_requests)
    return Edge(stack, metrics, limits, workers.in_flight, log_all=settings.log_requests)


def _with_middleware(stack: ASGIApp, middleware: Sequence[Middleware]) -> ASGIApp:
    for kind in reversed(middleware):
        if not isinstance(kind, Middleware):
            raise TypeError(f"expected Middleware(...), got {type(kind).__name__}")
        stack = kind.cls(stack, *kind.args, **kind.kwargs)
    return stack


def _load_options(
    settings: Settings, registry: Registry, workers: WorkerGroup, metrics: Metrics
) -> LoadOptions:
    cpus = available_cpus()
    return replace(
        load_options(settings, registry, settings.threads or cpus, cpus),
        workers=workers,
        on_batch=metrics.batch,
        on_failure=metrics.load_failed,
        load=workers.load,
    )


def _build(provider: str) -> dict[str, str]:
    """Return what runs, for the metrics."""
    return {"version": __version__, "onnxruntime": runtime_version(), "provider": provider}


def _api(
    settings: Settings,
    registry: Registry,
    serving: Serving,
    jobs: Sequence[Job],
    fast_routes: Sequence[FastRoute],
) -> FastAPI:
    """Return FastAPI with its own routes, and with the fast routes, which it only describes."""
    models = serving.catalog
    api = _Api(
        title="Thalamus",
        version=__version__,
        description=DESCRIPTION,
        lifespan=partial(_lifespan, models, jobs),
        redirect_slashes=False,  # a redirect would repeat the client's Host header
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `app.api.docs` keeps the document
        generate_unique_id_function=attrgetter("name"),
        responses=openapi.RESPONSES,
        exception_handlers=problems.HANDLERS,
    )
    api.state.catalog, api.state.serving = models, serving
    api.state.bundle_files = card.BundleFiles(settings.models, models)
    api.state.control = control.ModelControl(
        settings.models,
        models,
        registry,
        settings.receive_timeout,
        is_open=settings.keys_file is not None,
    )
    illustrate = [dialect.illustrate for dialect in DIALECTS]
    api.openapi = partial(openapi.describe, api, registry, illustrate)  # type: ignore[method-assign]
    api.router.routes.extend(fast_routes)
    modules = (catalog, card, control, health, docs, page)
    for router in (*(module.router for module in modules), *_dialect_routers()):
        api.include_router(router)
    return api


def _dialect_routers() -> list[APIRouter]:
    return [dialect.router for dialect in DIALECTS if dialect.router is not None]


@asynccontextmanager
async def _lifespan(models: Catalog, jobs: Sequence[Job], app: FastAPI) -> AsyncIterator[None]:
    async with in_background(*jobs):
        yield
    event("stopping")
    await attempt("close the models", models.close)


def _jobs(settings: Settings, models: Catalog, metrics: Metrics, gauges: Gauges) -> tuple[Job, ...]:
    """Return what is repeated while the service is up."""
    answers, busy = 0, False

    async def observe() -> None:
        gauges.update()

    async def release_when_idle() -> None:
        """Release memory a second after the last request."""
        nonlocal answers, busy
        was_busy, busy = busy, metrics.answers > answers
        answers = metrics.answers
        if was_busy and not busy:
            release_memory()

    return (
        Job("look for new bundles", models.look, settings.poll),
        Job("update the gauges", observe, 1),
        Job("release memory", release_when_idle, 1),
    )


def _key_jobs(keyring: Keyring | None, metrics: Metrics) -> tuple[Job, ...]:
    """Return what is repeated where there is a file of API keys."""
    if keyring is None:
        return ()

    async def look() -> None:
        await in_daemon_thread(keyring.look)
        metrics.set(families.KEYS_FILE_ERROR, {(): float(bool(keyring.error))})

    return (Job("look for new API keys", look, 0.5),)
