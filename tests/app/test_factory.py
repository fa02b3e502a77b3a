"""The lifespan: each background job survives an error, and the end does too."""

import asyncio
import logging

import pytest

from app import factory
from app.serving.catalog import Catalog
from app.serving.gauges import Gauges
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH, TEXT = "/v1/models/moods/classify", {"Content-Type": "text/plain"}


class Planted:
    """Stands for a function whose first calls fail for want of space on a disk."""

    def __init__(self, monkeypatch, owner, name: str, failures: int) -> None:
        self._real, self._failures = getattr(owner, name), failures
        self.calls, self.worked = 0, asyncio.Event()
        monkeypatch.setattr(owner, name, lambda *given: self(*given))

    def __call__(self, *given):
        self.calls += 1
        if self.calls <= self._failures:
            raise OSError(28, "no space left on device")
        self.worked.set()
        return self._real(*given)


@pytest.fixture
def failed(caplog, monkeypatch):
    """Return which jobs the log says have failed."""
    monkeypatch.setattr(logging.getLogger("thalamus"), "propagate", True)
    return lambda: [
        one.fields["work"] for one in caplog.records if one.getMessage() == "background work failed"
    ]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch) -> None:
    """Let the jobs follow each other at once."""
    job = factory.Job
    monkeypatch.setattr(factory, "Job", lambda name, run, _pause: job(name, run, 0.001))


@pytest.mark.parametrize(
    ("owner", "name", "job"),
    [
        (Catalog, "look", "look for new bundles"),
        (Gauges, "update", "update the gauges"),
        (factory, "release_memory", "release memory"),
    ],
)
async def test_every_job_survives_a_full_disk(
    monkeypatch, published, failed, owner, name, job
) -> None:
    if owner is Catalog:  # the job is made with the service
        planted = Planted(monkeypatch, owner, name, failures=2)
    async with open_service(published) as client:
        if owner is not Catalog:
            planted = Planted(monkeypatch, owner, name, failures=2)
        async with asyncio.timeout(30):
            while not planted.worked.is_set():
                assert (await client.post(PATH, content=b"good", headers=TEXT)).status_code == 200
                await asyncio.sleep(0.01)
    assert set(failed()) == {job}


async def test_metrics_are_rendered_while_the_gauges_fail(monkeypatch, published) -> None:
    async with open_service(published) as client:
        Planted(monkeypatch, Gauges, "update", failures=10**9)
        await client.post(PATH, content=b"good", headers=TEXT)
        text = (await client.get("/metrics")).text
    assert 'thalamus_items_total{model="moods",version="1"} 1.0' in text


async def test_an_error_while_models_are_closed_does_not_fail_the_stop(
    monkeypatch, published, failed
) -> None:
    async with open_service(published):
        Planted(monkeypatch, Catalog, "close", failures=1)
    assert failed() == ["close the models"]
