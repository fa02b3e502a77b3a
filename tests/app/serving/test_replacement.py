"""What answers while one version takes the place of another."""

import asyncio
import shutil
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.publish import seal
from app.in_flight import WorkerGroup
from app.registry import SHIPPED
from app.serving.catalog import Catalog
from app.serving.loading import LoadOptions
from tests import fakes
from tests.app.serving.catalogs import opened, publish_lying, reasons, slow_loading, states, until

pytestmark = pytest.mark.anyio


async def test_a_version_that_replaces_another_within_one_look_loads_before_that_goes(
    models: Path,
) -> None:
    with slow_loading() as (go, modalities):
        go.set()
        async with opened(models, modalities) as catalog:
            await catalog.refresh()
            go.clear()
            publish(fakes.text_bundle("moods", version=2), models)
            shutil.rmtree(models / "moods" / "1")
            refreshing = asyncio.create_task(catalog.refresh())
            await until(lambda: "moods/2" in states(catalog))
            assert states(catalog)["moods/1"] == "ready"
            assert "until another version of it is ready" in str(reasons(catalog)["moods/1"])
            assert (await catalog.find("moods")).manifest.version == 1
            go.set()
            await refreshing
            assert (await catalog.find("moods")).manifest.version == 2
            assert "moods/1" not in states(catalog)


async def test_a_replaced_content_answers_until_the_new_one_is_ready(models: Path) -> None:
    with slow_loading() as (go, modalities):
        go.set()
        async with opened(models, modalities) as catalog:
            await catalog.refresh()
            before = await catalog.find("moods")
            go.clear()
            shutil.rmtree(models / "moods")
            bundle = fakes.text_bundle("moods")
            changed = bundle.manifest.model_copy(update={"description": "another"})
            publish(seal(changed, bundle.files, SHIPPED), models)
            refreshing = asyncio.create_task(catalog.refresh())
            await until(lambda: catalog.entries[1].is_loading)
            assert states(catalog)["moods/1"] == "ready"
            assert await catalog.find("moods") is before
            go.set()
            await refreshing
            after = await catalog.find("moods", 1)
            assert after.manifest.description == "another"
            assert before.closed and not after.closed


async def test_a_broken_replacement_leaves_the_good_one_answering(models: Path) -> None:
    good = models.parent / "good"
    async with opened(models) as catalog:
        await catalog.refresh()
        before = await catalog.find("colours")
        shutil.move(models / "colours" / "1", good)
        publish_lying(models, version=1)
        for _ in range(2):
            await catalog.refresh()
            assert states(catalog)["colours/1"] == "ready"
            assert "the one before does: 4 of the golden" in str(reasons(catalog)["colours/1"])
            assert await catalog.find("colours", 1) is before
        shutil.rmtree(models / "colours" / "1")
        good.rename(models / "colours" / "1")
        await catalog.refresh()
        assert await catalog.find("colours", 1) is before
        assert reasons(catalog)["colours/1"] is None


async def test_the_last_version_that_answers_goes_only_when_its_successor_is_ready(
    models: Path,
) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        publish_lying(models, version=2)
        shutil.rmtree(models / "colours" / "1")
        for _ in range(2):
            await catalog.refresh()
            assert {k: s for k, s in states(catalog).items() if "colours" in k} == {
                "colours/1": "ready",
                "colours/2": "failed",
            }
        publish(fakes.image_bundle(version=3), models)
        await catalog.refresh()
        assert (await catalog.find("colours")).manifest.version == 3
        assert "colours/1" not in states(catalog)
        shutil.rmtree(models / "colours")
        await catalog.refresh()
        assert "colours/3" not in states(catalog), "nothing of the model is published"


async def test_a_roll_back_drains_at_once(models: Path) -> None:
    publish(fakes.image_bundle(version=2), models)
    async with opened(models) as catalog:
        await catalog.refresh()
        shutil.rmtree(models / "colours" / "2")
        await catalog.refresh()
        assert (await catalog.find("colours")).manifest.version == 1
        assert "colours/2" not in states(catalog)


async def test_a_bundle_of_another_content_is_not_loaded_in_its_place(models: Path) -> None:
    """It changes between the trial and the load: what was not tried is not loaded."""
    changed = fakes.image_bundle(sharpness=3.0)

    def trial(folder: Path, _digest: str) -> None:
        if folder.parent.name == "colours" and not (models / "sealed").exists():
            (models / "sealed").touch()
            shutil.rmtree(folder)
            publish(seal(changed.manifest, changed.files, SHIPPED), models)

    catalog = Catalog(models, LoadOptions(device="cpu", workers=WorkerGroup(trial=trial)), {})
    await catalog.refresh()
    assert "has changed meanwhile" in str(reasons(catalog)["colours/1"])
    await catalog.refresh()
    assert (await catalog.find("colours")).manifest == changed.manifest
    await catalog.close()
