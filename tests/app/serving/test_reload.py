"""When versions are loaded, tried again and looked for, and when they are left alone."""

import asyncio
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from app.bundle import publish
from app.errors import GoldenMismatch, NotReady, TrialFailed, TrialUnavailable, UnknownModel
from app.in_flight import WorkerGroup
from app.serving.catalog import Catalog
from app.serving.folder import ModelsFolder
from app.serving.loading import LoadOptions
from app.serving.reload import pause
from tests import fakes
from tests.app.serving.catalogs import opened, reasons, slow_loading, states, until

pytestmark = pytest.mark.anyio


async def test_equal_bytes_reload_nothing(models: Path, tmp_path: Path) -> None:
    tries: list[str] = []
    group = WorkerGroup(trial=lambda _, digest: tries.append(digest))
    catalog = Catalog(models, LoadOptions(device="cpu", workers=group), {})
    await catalog.refresh()
    before = [entry.model for entry in catalog.entries]
    for folder in models.glob("*/1"):
        os.utime(folder / "manifest.json")
        os.utime(folder / "model.onnx")
    await catalog.refresh()
    shutil.copytree(models, tmp_path / "copy")
    shutil.rmtree(models)
    (tmp_path / "copy").rename(models)
    await catalog.refresh()
    assert [entry.model for entry in catalog.entries] == before
    assert len(tries) == 3
    await catalog.close()


async def test_storage_that_is_away_for_a_while_unloads_nothing(models: Path) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        before = [entry.model for entry in catalog.entries]
        away = models.rename(models.parent / "away")
        for _ in range(3):
            await catalog.refresh()
        models.mkdir()  # what a volume is mounted on
        for _ in range(3):
            await catalog.refresh()
        assert catalog.ready
        models.rmdir()
        away.rename(models)
        await catalog.refresh()
        assert [entry.model for entry in catalog.entries] == before


async def test_loading_is_repeated_after_a_passing_failure(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [OSError(5, "EIO"), MemoryError(), TrialUnavailable("no process"), None]
    monkeypatch.setattr("app.serving.reload.LONGEST_PAUSE", 0)
    shutil.rmtree(models / "moods")
    shutil.rmtree(models / "sounds")

    def trial(_folder: Path, _digest: str) -> None:
        if error := errors.pop(0):
            raise error

    failed: list[tuple[str, int]] = []
    group = WorkerGroup(trial=trial)
    options = LoadOptions(device="cpu", workers=group, on_failure=lambda *what: failed.append(what))
    catalog = Catalog(models, options, {})
    for reason in ("an unexpected error", "not enough memory", "no process"):
        await catalog.refresh()
        assert states(catalog) == {"colours/1": "failed"}
        assert reason in str(reasons(catalog)["colours/1"])
    await catalog.refresh()
    assert (states(catalog), reasons(catalog)) == ({"colours/1": "ready"}, {"colours/1": None})
    assert failed == [("colours", 1)] * 3
    await catalog.close()


@pytest.mark.parametrize("error", [TrialFailed("SIGSEGV"), GoldenMismatch("2 differ")])
async def test_loading_is_not_repeated_for_a_damaged_bundle(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("app.serving.reload.LONGEST_PAUSE", 0)
    tries: Counter[str] = Counter()

    def trial(folder: Path, _digest: str) -> None:
        tries[folder.parent.name] += 1
        if folder.parent.name == "colours":
            raise error

    catalog = Catalog(models, LoadOptions(device="cpu", workers=WorkerGroup(trial=trial)), {})
    for _ in range(3):
        await catalog.refresh()
    assert tries == {"colours": 1, "moods": 1, "sounds": 1}
    assert reasons(catalog)["colours/1"] == str(error)
    with pytest.raises(NotReady):
        await catalog.find("colours")
    (models / "colours" / "1" / "model.onnx").touch()  # a file of it was written again
    await catalog.refresh()
    assert tries["colours"] == 2
    await catalog.close()


def test_pauses_grow() -> None:
    assert [pause(failures) for failures in (0, 1, 2, 8, 9, 10_000)] == [1, 2, 4, 256, 300, 300]


async def test_a_version_that_takes_long_keeps_no_other_from_loading(models: Path) -> None:
    with slow_loading() as (go, modalities):
        async with opened(models, modalities) as catalog:
            await catalog.look()
            await until(lambda: states(catalog).get("colours/1") == "ready")
            publish(fakes.image_bundle("later"), models)
            await catalog.look()
            await until(lambda: states(catalog).get("later/1") == "ready")
            assert states(catalog)["moods/1"] == "loading"
            assert not catalog.ready, "not before all of the first look were tried"
            go.set()
            await until(lambda: catalog.ready)
            assert states(catalog)["moods/1"] == "ready"


async def test_a_look_that_waits_for_a_disk_is_not_followed_by_a_long_rest(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = ModelsFolder.look

    def slow(folder: ModelsFolder, known):
        time.sleep(0.5)
        return look(folder, known)

    monkeypatch.setattr(ModelsFolder, "look", slow)
    async with opened(models) as catalog:
        await catalog.refresh()
        assert 0 < catalog._look_seconds < 0.4, "of processor time"


async def test_requests_for_unknown_models_share_a_look_at_those(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[str]] = []
    look_for = ModelsFolder.look_for

    def counted(folder: ModelsFolder, names, known):
        looks.append(sorted(names))
        return look_for(folder, names, known)

    (models / "empty").mkdir()
    async with opened(models) as catalog:
        await catalog.refresh()
        monkeypatch.setattr(ModelsFolder, "look_for", counted)
        monkeypatch.delattr(ModelsFolder, "look")  # nobody looks at the whole folder
        names = ["empty", "nothing", "../models", ""] * 50
        found = await asyncio.gather(*map(catalog.find, names), return_exceptions=True)
        assert {type(each) for each in found} == {UnknownModel}
        assert len(looks) == 1
        assert looks[0] == ["", "../models", "empty", "nothing"]
        publish(fakes.image_bundle("new"), models)
        assert (await catalog.find("new")).manifest.name == "new"


@pytest.mark.slow
async def test_a_half_copied_version_is_loaded_when_it_is_whole(models: Path) -> None:
    whole = publish(fakes.image_bundle("copied"), models.parent / "elsewhere")
    target = models / "copied" / "1"
    (target / "golden").mkdir(parents=True)
    names = ["manifest.json", "golden/cases.json", "model.onnx", "golden/red.png"]
    async with opened(models) as catalog:
        for name in names:
            data = (whole / name).read_bytes()
            for part in (data[: len(data) // 2], data):
                (target / name).write_bytes(part)
                await catalog.refresh()
                assert states(catalog)["copied/1"] == "failed"
        shutil.copy(whole / "golden/blue.png", target / "golden/blue.png")
        await catalog.refresh()
        assert states(catalog)["copied/1"] == "ready"
