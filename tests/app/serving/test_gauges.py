import shutil
from pathlib import Path

import pytest

from app.in_flight import InFlight, WorkerGroup
from app.metrics import Metrics
from app.serving.catalog import Catalog
from app.serving.gauges import Gauges
from app.serving.loading import LoadOptions
from app.shared_numbers import SharedNumbers

pytestmark = pytest.mark.anyio
BUILD = {"version": "1", "onnxruntime": "2", "provider": "CPU"}


async def worker(index: int, root: Path, group: WorkerGroup) -> tuple[Catalog, Gauges]:
    """Return the catalog and the gauges of one worker of several, in this process."""
    group.numbers.join(index)
    catalog = Catalog(root, LoadOptions(device="cpu"), {})
    await catalog.refresh()
    return catalog, Gauges(catalog, Metrics(group.numbers), group, BUILD)


def states(text: bytes) -> dict[str, float]:
    lines = text.decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith("thalamus_version_workers{"))
    return {name: float(value) for name, value in found}


def named(version: str, state: str) -> str:
    return f'thalamus_version_workers{{model="moods",version="{version}",state="{state}"}}'


async def test_the_state_of_a_version_is_a_number_of_workers(models: Path) -> None:
    group = WorkerGroup(InFlight(2), numbers=SharedNumbers(2))
    good, first = await worker(0, models, group)
    first.update()
    (models / "moods" / "1" / "model.onnx").write_bytes(b"x")
    bad, second = await worker(1, models, group)
    found = states(second.render())
    assert (found[named("1", "ready")], found[named("1", "failed")]) == (1, 1)
    assert (found[named("1", "loading")], found[named("1", "draining")]) == (0, 0)
    await good.close()
    await bad.close()


async def test_gauges_of_a_removed_version_go_and_its_counters_stay(models: Path) -> None:
    catalog, gauges = await worker(0, models, WorkerGroup())
    before = gauges.render().decode()
    shutil.rmtree(models / "moods")
    await catalog.refresh()
    after = gauges.render().decode()
    for name in ("thalamus_version_workers", "thalamus_queue_items", "thalamus_queue_seconds"):
        assert f'{name}{{model="moods"' in before
        assert f'{name}{{model="moods"' not in after
    for name in ("thalamus_items_total", "thalamus_batch_items_count", "thalamus_requests_total"):
        assert f'{name}{{model="moods"' in before
        assert f'{name}{{model="moods"' in after
    await catalog.close()


async def test_series_of_a_ready_model_are_those_of_its_tasks(published: Path) -> None:
    catalog, gauges = await worker(0, published, WorkerGroup())
    text = gauges.render().decode()
    assert 'thalamus_requests_total{model="moods",version="1",operation="classify"' in text
    assert 'model="moods",version="1",operation="embed"' not in text
    await catalog.close()
