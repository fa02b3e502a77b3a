"""What serves by `serving.json`, in a catalog over real bundles."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.bundle import publish
from app.bundle.serving_rule import SERVING_FILE
from app.errors import NotReady, UnknownModel
from app.in_flight import WorkerGroup
from app.serving.catalog import Catalog
from app.serving.loading import LoadOptions
from app.serving.model import ServedModel
from tests import fakes
from tests.app.serving.catalogs import opened, publish_lying, slow_loading, states, until

pytestmark = pytest.mark.anyio
NOT_A_RULE = ["", '{"policy": "pin', '{"pin": 1}', '{"policy": "pinned", "version": 9}']


def rule(models: Path, text: str | None = None, **members: Any) -> None:
    """Write the rule of `colours`, as a tool does that writes a whole file."""
    aside = models / "colours" / ".new"
    aside.write_text(json.dumps(members) if text is None else text)
    aside.rename(models / "colours" / SERVING_FILE)


async def serving(catalog: Catalog) -> int:
    """Return the version that serves after a look."""
    await catalog.refresh()
    version = (await catalog.find("colours")).manifest.version
    assert version == catalog.choice("colours").version
    return version


def loaded(catalog: Catalog) -> set[int]:
    return {e.version for e in catalog.entries if e.name == "colours" and e.model is not None}


@pytest.fixture
def four(models: Path) -> Path:
    """A folder with the versions 1 to 4 of one model, and nothing else."""
    for name in ("moods", "sounds"):
        shutil.rmtree(models / name)
    for version in (2, 3, 4):
        publish(fakes.image_bundle(version=version), models)
    return models


@pytest.mark.slow
async def test_the_newest_serves_and_the_one_before_it_stays_loaded(four: Path) -> None:
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        assert loaded(catalog) == {3, 4}
        assert states(catalog)["colours/1"] == states(catalog)["colours/2"] == "unloaded"
        assert (await catalog.find("colours", 3)).manifest.version == 3
        with pytest.raises(UnknownModel, match=r"not loaded; loaded are: 3, 4; `keep`"):
            await catalog.find("colours", 1)
        publish(fakes.image_bundle(version=5), four)
        assert await serving(catalog) == 5
        assert loaded(catalog) == {4, 5}


@pytest.mark.slow
async def test_pin_rollback_unpin_and_release_take_effect_at_the_next_look(four: Path) -> None:
    rule(four, held=[4])
    async with opened(four) as catalog:
        assert await serving(catalog) == 3
        assert loaded(catalog) == {2, 3, 4}, "the held one can be tried by its number"
        rule(four, held=[])
        assert await serving(catalog) == 4
        rule(four, policy="pinned", version=3)
        assert await serving(catalog) == 3
        assert loaded(catalog) == {2, 3, 4}
        rule(four, policy="pinned", version=2)
        assert await serving(catalog) == 2
        rule(four, policy="pinned", version=1)
        assert await serving(catalog) == 1
        (four / "colours" / SERVING_FILE).unlink()
        assert await serving(catalog) == 4
        assert loaded(catalog) == {3, 4}


async def test_keep_says_how_many_stay_loaded(four: Path) -> None:
    rule(four, keep=1)
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        assert loaded(catalog) == {4}
        rule(four, keep=9)
        assert await serving(catalog) == 4
        assert loaded(catalog) == {1, 2, 3, 4}
        rule(four, keep=2)
        assert await serving(catalog) == 4
        assert loaded(catalog) == {3, 4}


@pytest.mark.parametrize("text", NOT_A_RULE)
async def test_a_rule_that_cannot_be_followed_leaves_the_last_good_one(
    four: Path, text: str, log: list[dict]
) -> None:
    rule(four, policy="pinned", version=2)
    async with opened(four) as catalog:
        assert await serving(catalog) == 2
        rule(four, text)
        for _ in range(2):
            assert await serving(catalog) == 2
        problem = catalog.choice("colours").problem
        assert problem and [line["reason"] for line in log if line["event"] == "serving rule"] == [
            problem
        ]
        rule(four, "{}")
        assert await serving(catalog) == 4
        assert catalog.choice("colours").problem is None


@pytest.mark.parametrize("text", [*NOT_A_RULE, '{"held": [1, 2, 3, 4]}'])
async def test_without_a_good_rule_nothing_serves(four: Path, text: str) -> None:
    rule(four, text)
    async with opened(four, image="colours") as catalog:
        await catalog.refresh()
        assert not catalog.ready
        with pytest.raises(NotReady, match="colours is kept from serving; GET /v1/models/colours"):
            await catalog.find("colours")
        with pytest.raises(NotReady, match="no classifier is ready"):
            catalog.for_media_type("image/png")
        publish(fakes.text_bundle("moods"), four)
        await catalog.refresh()
        with pytest.raises(NotReady, match="colours is kept from serving"):
            catalog.for_media_type("image/png")
        assert (await catalog.find("colours", 4)).manifest.version == 4
        assert catalog.choice("colours").problem
        rule(four, held=[4])
        assert await serving(catalog) == 3


async def test_another_worker_finds_the_last_good_rule(four: Path) -> None:
    group = WorkerGroup()
    catalogs = [Catalog(four, LoadOptions(device="cpu", workers=group), {}) for _ in range(2)]
    rule(four, policy="pinned", version=2, held=[4], reasons={"4": "worse"})
    assert await serving(catalogs[0]) == 2
    rule(four, "{")
    assert await serving(catalogs[1]) == 2, "it started after the file had been broken"
    assert catalogs[1].choice("colours").rule == catalogs[0].choice("colours").rule
    for catalog in catalogs:
        await catalog.close()


async def test_a_pin_waits_for_its_version(four: Path) -> None:
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        rule(four, policy="pinned", version=5)
        assert await serving(catalog) == 4
        assert catalog.choice("colours").problem == "version 5 is pinned, but not published"
        publish(fakes.image_bundle(version=5), four)
        publish(fakes.image_bundle(version=6), four)
        assert await serving(catalog) == 5
        assert catalog.choice("colours").problem is None


@pytest.mark.slow
async def test_a_pin_to_a_version_that_fails_leaves_the_one_that_serves(four: Path) -> None:
    publish_lying(four, version=5)
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        rule(four, policy="pinned", version=5)
        assert await serving(catalog) == 4
        assert catalog.choice("colours").problem == "version 5 is pinned, and it is failed"
        assert catalog.choice("colours").rule is not None
        rule(four, policy="pinned", version=1)
        assert await serving(catalog) == 1


async def test_a_pinned_version_that_is_removed_goes_on_serving(four: Path) -> None:
    rule(four, policy="pinned", version=2)
    async with opened(four) as catalog:
        assert await serving(catalog) == 2
        shutil.rmtree(four / "colours" / "2")
        for _ in range(2):
            assert await serving(catalog) == 2
        assert catalog.choice("colours").problem == "version 2 is pinned, but not published"
        rule(four, "{}")
        assert await serving(catalog) == 4
        assert "colours/2" not in states(catalog)


async def test_no_held_version_serves_in_the_place_of_one_that_is_removed(four: Path) -> None:
    rule(four, held=[1, 2, 3])
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        shutil.rmtree(four / "colours" / "4")
        assert await serving(catalog) == 4, "nothing else may serve"
        rule(four, held=[1, 3])
        assert await serving(catalog) == 2


async def test_a_version_that_fails_is_skipped_however_many_there_are(four: Path) -> None:
    for version in (5, 6, 7):
        publish_lying(four, version)
    async with opened(four) as catalog:
        assert await serving(catalog) == 4
        assert loaded(catalog) == {3, 4}
        shutil.rmtree(four / "colours" / "5")
        publish(fakes.image_bundle(version=5), four)
        assert await serving(catalog) == 5, "it was mended, although two newer ones fail"


async def test_what_serves_goes_on_until_the_pinned_version_is_loaded(models: Path) -> None:
    publish(fakes.text_bundle("moods", version=2), models)
    publish(fakes.text_bundle("moods", version=3), models)
    with slow_loading() as (go, modalities):
        go.set()
        async with opened(models, modalities) as catalog:
            await catalog.refresh()
            go.clear()
            (models / "moods" / SERVING_FILE).write_text('{"policy": "pinned", "version": 1}')
            await catalog.look()
            await until(lambda: states(catalog)["moods/1"] == "loading")
            assert (await catalog.find("moods")).manifest.version == 3
            assert catalog.choice("moods").problem == "version 1 is pinned, and it is loading"
            go.set()
            await until(lambda: catalog.choice("moods").version == 1)
            assert (await catalog.find("moods")).manifest.version == 1


async def test_the_file_is_read_again_only_when_it_has_changed(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    read = __import__("app.serving.folder", fromlist=["read_rule"]).read_rule
    monkeypatch.setattr("app.serving.folder.read_rule", lambda f: [reads.append(f), read(f)][1])
    rule(four, keep=3)
    async with opened(four) as catalog:
        for _ in range(3):
            await catalog.refresh()
        assert len(reads) == 1
        os.utime(four / "colours" / SERVING_FILE, (0, 0))  # a clock that jumped
        rule(four, keep=1)
        assert await serving(catalog) == 4
        assert loaded(catalog) == {4}


async def test_a_model_that_is_published_again_starts_anew(four: Path) -> None:
    rule(four, policy="pinned", version=2)
    publish(fakes.text_bundle("moods"), four)
    async with opened(four) as catalog:
        assert await serving(catalog) == 2
        shutil.rmtree(four / "colours")
        await catalog.refresh()
        assert catalog.choice("colours").version is None
        publish(fakes.image_bundle(version=7), four)
        assert await serving(catalog) == 7


@pytest.mark.parametrize("back", ["pinned again", "published again"])
async def test_a_version_that_comes_back_while_it_drains_is_loaded_again(
    four: Path, monkeypatch: pytest.MonkeyPatch, back: str
) -> None:
    ends, close = asyncio.Event(), ServedModel.close

    async def close_late(model: ServedModel) -> None:
        await ends.wait()
        await close(model)

    async with opened(four) as catalog:
        rule(four, policy="pinned", version=1)
        assert await serving(catalog) == 1
        monkeypatch.setattr(ServedModel, "close", close_late)
        if back == "pinned again":
            rule(four, "{}")
        else:
            (four / "colours" / "1").rename(four / ".away")
            rule(four, policy="pinned", version=2)
        await catalog.look()
        await until(lambda: states(catalog)["colours/1"] == "draining")
        if back == "published again":
            (four / ".away").rename(four / "colours" / "1")
        rule(four, policy="pinned", version=1)
        await catalog.look()
        ends.set()
        await until(lambda: states(catalog).get("colours/1") != "draining")
        await catalog.look()
        await until(lambda: catalog.choice("colours").version == 1)
