"""Fixtures of all tests: published fake bundles, and a service in this process, over ASGI."""

import asyncio
import gc
import logging
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.factory import create_app
from app.modalities import MODALITIES
from app.settings import Settings
from app.tasks import TASKS
from tests import fakes

Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
TESTS = Path(__file__).parent
NEEDS_TORCH = (TESTS / "training", TESTS / "benchmarks")
TRAINING_STACK = {"torch", "lightning", "transformers", "sklearn", "training"}
STARTS_A_PROCESS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"}
_started: list[str] = []  # the events of Python by which this process has started others


def _watch(event: str, _arguments: object) -> None:
    if event in STARTS_A_PROCESS:
        _started.append(event)


sys.addaudithook(_watch)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, or a worker would run one alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Keep what was imported out of garbage collections: each model that is unloaded starts one."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _started.clear()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail a test that started a process, and is not marked: `make test` runs it."""
    marked = any(item.get_closest_marker(name) for name in ("slow", "training", "ray"))
    needs_torch = any(item.path.is_relative_to(folder) for folder in NEEDS_TORCH)
    assert marked or needs_torch or not _started, f"not marked slow: it started {_started}"


@pytest.fixture(scope="session", autouse=True)
def _no_training_stack(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a run of `make test-app` that has imported a library of training."""
    yield
    for item in request.session.items:
        if any(item.path.is_relative_to(folder) for folder in NEEDS_TORCH):
            return
    imported = TRAINING_STACK & sys.modules.keys()
    assert not imported, f"tests outside tests/training imported {', '.join(sorted(imported))}"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a test that serves in this process has done to the loggers."""
    loggers = [logging.getLogger(name) for name in (None, "thalamus", "uvicorn")]
    before = [(each, each.handlers[:], each.propagate, each.level) for each in loggers]
    yield
    if loggers[0].handlers != before[0][1]:
        logging.captureWarnings(False)
    for each, handlers, propagate, level in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundles of the main modalities. Read only."""
    return fakes.publish_all(tmp_path_factory.mktemp("published"))


@pytest.fixture
def models(published: Path, tmp_path: Path) -> Path:
    """A copy of `published` that a test may change."""
    return Path(shutil.copytree(published, tmp_path / "models"))


@asynccontextmanager
async def running(app) -> AsyncIterator[None]:
    """Start and stop an application in the way of a server."""
    async with app.api.router.lifespan_context(app.api):
        yield


@asynccontextmanager
async def open_service(
    models: Path,
    *,
    wait: bool = True,
    tasks=TASKS,
    modalities=MODALITIES,
    middleware=(),
    **settings,
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `models` in this process; the client's `app` is the application."""
    settings = {"device": "cpu", "threads": 1, "poll": 3600, "defaults": DEFAULTS} | settings
    app = create_app(
        Settings(models=models, **settings),
        tasks=tasks,
        modalities=modalities,
        middleware=middleware,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        running(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        client.app = app
        while wait and (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.005)
        yield client


DEFAULTS = {"image": "colours", "text": "moods", "audio": "sounds"}


@pytest.fixture(scope="session")
async def service(anyio_backend: str, published: Path) -> AsyncIterator[httpx.AsyncClient]:
    """One service for all tests that only send requests."""
    async with open_service(published) as client:
        yield client
