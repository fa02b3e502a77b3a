"""What is dropped is freed at once: memory, sessions and threads, without garbage collection."""

import gc
import shutil
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.publish import seal
from app.in_flight import WorkerGroup
from app.pipeline import ItemResult, Pipeline
from app.registry import SHIPPED
from app.runtime.session import Session
from app.serving.all_cores import TRIES, AllCoresPipeline
from app.serving.catalog import Catalog
from app.serving.loading import LoadOptions
from tests import fakes
from tests.app.serving.catalogs import publish_lying, states, until
from tests.app.serving.test_all_cores import ONE

pytestmark = pytest.mark.anyio


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> Iterator[weakref.WeakSet]:
    """The pipelines and sessions that exist, while nothing is collected."""
    objects: weakref.WeakSet = weakref.WeakSet()
    for kind in (Pipeline, Session):
        init = kind.__init__

        def noted(self, *arguments, init=init, **options) -> None:
            objects.add(self)
            init(self, *arguments, **options)

        monkeypatch.setattr(kind, "__init__", noted)
    gc.collect()
    gc.disable()
    yield objects
    gc.enable()


class NeverCollects:
    """Stands for `gc`, so that only what is in no cycle is freed."""

    def __getattr__(self, _name: str):
        return lambda: None


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.serving.catalog.gc", NeverCollects())


@pytest.fixture
async def catalog(models: Path, alive: weakref.WeakSet):
    shutil.rmtree(models / "sounds")
    opened = Catalog(models, LoadOptions(device="cpu", threads=2), {})
    await opened.refresh()
    yield opened
    await opened.close()


def count(alive: weakref.WeakSet) -> tuple[int, int]:
    kinds = [type(each) for each in alive]
    return kinds.count(Pipeline), kinds.count(Session)


def threads(name: str) -> int:
    return sum(thread.name.startswith(name) for thread in threading.enumerate())


async def test_a_replaced_version_is_freed(catalog: Catalog, models: Path, alive) -> None:
    for version in range(2, 8):
        publish(fakes.image_bundle(version=version), models)
        shutil.rmtree(models / "colours" / str(version - 1))
        await catalog.refresh()
        assert states(catalog) == {f"colours/{version}": "ready", "moods/1": "ready"}
        await until(lambda: count(alive) == (2, 2))
        await until(lambda: threads("loading") == 0)
    await until(lambda: threads("encoder") <= 4)  # two for each model


async def test_a_replaced_content_is_freed(catalog: Catalog, models: Path, alive) -> None:
    for sharpness in (3.0, 4.0):
        shutil.rmtree(models / "colours")
        publish(fakes.image_bundle(sharpness=sharpness), models)
        await catalog.refresh()
        await until(lambda: count(alive) == (2, 2))


async def test_a_removed_version_is_freed(catalog: Catalog, models: Path, alive) -> None:
    publish(fakes.image_bundle(version=2), models)
    await catalog.refresh()
    await until(lambda: count(alive) == (3, 3))
    shutil.rmtree(models / "colours")
    await catalog.refresh()
    await until(lambda: count(alive) == (1, 1))


async def test_a_version_that_failed_is_freed(catalog: Catalog, models: Path, alive) -> None:
    publish_lying(models, version=2)
    bundle = fakes.text_bundle(version=2)
    wrong = bundle.manifest.model_copy(update={"outputs": fakes.image_bundle().manifest.outputs})
    publish(seal(wrong, bundle.files, SHIPPED), models)
    await until(lambda: count(alive) == (2, 2))
    await catalog.refresh()
    assert states(catalog)["colours/2"] == states(catalog)["moods/2"] == "failed"
    await until(lambda: count(alive) == (2, 2))


class Slower(Pipeline):
    """A real pipeline that moves a clock."""

    now = 0.0

    def answer(self, items) -> list[ItemResult | Exception]:
        Slower.now += 1.0
        return super().answer(items)


@pytest.mark.parametrize("close_first", [False, True])
async def test_a_second_pipeline_that_is_not_kept_is_freed(close_first: bool, alive) -> None:
    go = threading.Event()

    def build() -> Pipeline:
        assert go.wait(20)
        return Pipeline(fakes.text_bundle())

    base = Slower(fakes.text_bundle())
    both = AllCoresPipeline(base, build, lambda: True, lambda: Slower.now)
    for _ in range(TRIES):
        both.answer(ONE)
    if close_first:
        both.close()
    go.set()
    assert both.wait_until_built()
    if not close_first:
        both._trials = {each: [0.5] * TRIES for each in both._trials}  # both are as fast
        both._choose()
    await until(lambda: count(alive)[0] == 0)  # the base is of another class


async def test_both_pipelines_of_a_model_are_freed(models: Path, alive) -> None:
    shutil.rmtree(models / "sounds")
    group = WorkerGroup(cores=2)
    catalog = Catalog(models, LoadOptions(device="cpu", workers=group), {})
    await catalog.refresh()
    both = [entry.model._queue._answers for entry in catalog.entries]
    for each in both:
        for _ in range(TRIES):
            each._observe(each._base, 1.0)
        assert each.wait_until_built()
    await until(lambda: count(alive) == (4, 4))
    del both, each
    shutil.rmtree(models / "colours")
    await catalog.refresh()
    await until(lambda: count(alive) == (2, 2))
    await catalog.close()
    await until(lambda: count(alive) == (0, 0))


async def test_a_dropped_model_is_freed_although_it_was_frozen(models: Path, monkeypatch) -> None:
    """As in the service: what the garbage collector was made to overlook is gone all the same."""
    monkeypatch.setattr("app.serving.catalog.gc", gc)
    catalog = Catalog(models, LoadOptions(device="cpu"), {})
    try:
        await catalog.refresh()
        assert gc.get_freeze_count()
        kept = weakref.ref((await catalog.find("colours")).pipeline)
        shutil.rmtree(models / "colours")
        await catalog.refresh()
        await until(lambda: kept() is None)
        await catalog.close()
    finally:
        gc.unfreeze()
