import asyncio
import shutil
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.publish import seal
from app.errors import NotReady, UnknownModel, UnsupportedMedia
from app.modalities import Payload
from app.registry import SHIPPED
from app.serving.catalog import Catalog, VersionState
from app.serving.loading import LoadOptions
from app.tasks.classify import ClassifyOptions
from app.telemetry import Timings
from tests import fakes, media
from tests.app.serving.catalogs import opened, publish_lying, slow_loading, states

pytestmark = pytest.mark.anyio


async def test_an_empty_folder_is_never_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as catalog:
        await catalog.refresh()
        assert not catalog.ready
        with pytest.raises(UnknownModel, match="published are: none"):
            await catalog.find("anything")
        with pytest.raises(NotReady):
            catalog.for_media_type("image/png")


async def test_missing_folder_is_an_empty_catalog(tmp_path: Path) -> None:
    async with opened(tmp_path / "nowhere") as catalog:
        await catalog.refresh()
        assert not catalog.ready


async def test_catalog_is_ready_after_the_first_scan(published: Path) -> None:
    async with opened(published) as catalog:
        assert not catalog.ready
        await catalog.refresh()
        assert catalog.ready
        assert states(catalog) == dict.fromkeys(("colours/1", "moods/1", "sounds/1"), "ready")


@pytest.mark.slow
async def test_loading_blocks_neither_the_event_loop_nor_other_models(published: Path) -> None:
    with slow_loading() as (go, modalities):
        async with opened(published, modalities) as catalog:
            loading = asyncio.create_task(catalog.refresh())
            while states(catalog).get("colours/1") != "ready":
                await asyncio.sleep(0.001)  # would not return if loading blocked the event loop
            assert states(catalog)["moods/1"] == VersionState.LOADING
            assert not catalog.ready, "not before all were tried"
            with pytest.raises(NotReady, match="moods is loading"):
                await catalog.find("moods")
            model = await catalog.find("colours")
            answers = await model.answer(
                [Payload(media.picture(), "image/png")], ClassifyOptions(top_k=1), Timings()
            )
            assert answers[0].label == "red"
            go.set()
            await loading
            assert catalog.ready
            assert (await catalog.find("moods")).manifest.name == "moods"


async def test_the_newest_ready_version_answers(models: Path) -> None:
    for version in (2, 10):
        publish(fakes.image_bundle(version=version), models)
    async with opened(models) as catalog:
        await catalog.refresh()
        assert (await catalog.find("colours")).manifest.version == 10
        assert (await catalog.find("colours", 2)).manifest.version == 2
        with pytest.raises(UnknownModel, match=r"no such version .* published are: 1, 2, 10"):
            await catalog.find("colours", 3)


async def test_version_that_fails_replay_leaves_the_old_one(
    models: Path,
) -> None:
    publish_lying(models, version=2)
    async with opened(models) as catalog:
        await catalog.refresh()
        assert states(catalog)["colours/2"] == VersionState.FAILED
        assert "golden cases differ" in str(catalog.entries[1].reason)
        assert (await catalog.find("colours")).manifest.version == 1
        with pytest.raises(NotReady, match="colours is failed"):
            await catalog.find("colours", 2)
        assert catalog.ready


async def test_damaged_bundle_has_a_reason(models: Path) -> None:
    (models / "colours" / "1" / "model.onnx").write_bytes(b"")
    async with opened(models) as catalog:
        await catalog.refresh()
        assert "was altered" in str(catalog.entries[0].reason)
        assert states(catalog)["moods/1"] == VersionState.READY


async def test_graph_that_fails_at_run_time_has_a_reason(models: Path) -> None:
    bundle = fakes.text_bundle(version=2)
    files = {**bundle.files, "model.onnx": fakes.text_graph(8)}  # too few rows for the tokens
    publish(seal(bundle.manifest, files, SHIPPED), models)
    async with opened(models) as catalog:
        await catalog.refresh()
        assert "cannot run the graph" in str(catalog.entries[2].reason)


async def test_refresh_loads_a_published_bundle(models: Path) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        publish(fakes.image_bundle(version=2), models)
        publish(fakes.image_bundle("tints"), models)
        before = await catalog.find("colours")
        await catalog.refresh()
        assert (await catalog.find("colours")).manifest.version == 2
        assert await catalog.find("tints")
        assert await catalog.find("colours", 1) is before, "what did not change is not loaded again"


async def test_refresh_drains_a_removed_bundle(models: Path) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        removed = await catalog.find("colours")
        shutil.rmtree(models / "colours")
        await catalog.refresh()
        with pytest.raises(UnknownModel):
            await catalog.find("colours")
        with pytest.raises(NotReady):
            await removed.answer(
                [Payload(media.picture(), "image/png")], ClassifyOptions(top_k=1), Timings()
            )


async def test_refresh_reloads_a_replaced_bundle(models: Path) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        before = await catalog.find("colours")
        shutil.rmtree(models / "colours")
        publish(fakes.image_bundle(sharpness=3), models)
        await catalog.refresh()
        assert await catalog.find("colours") is not before
        assert (await catalog.find("colours")).manifest != before.manifest


@pytest.mark.slow
async def test_refresh_retries_a_half_copied_bundle(models: Path, published: Path) -> None:
    model = models / "colours" / "1" / "model.onnx"
    model.unlink()
    async with opened(models) as catalog:
        await catalog.refresh()
        assert states(catalog)["colours/1"] == VersionState.FAILED
        shutil.copy(published / "colours" / "1" / "model.onnx", model)
        await catalog.refresh()
        assert states(catalog)["colours/1"] == VersionState.READY


async def test_draining_version_is_listed_as_draining(models: Path) -> None:
    async with opened(models) as catalog:
        await catalog.refresh()
        entry = catalog.entries[0]
        dropping = asyncio.create_task(catalog._drop(entry))
        await asyncio.sleep(0)
        assert entry.state == VersionState.DRAINING
        await dropping
        assert entry not in catalog.entries


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("image/png", "colours"),
        ("text/html", "moods"),
        ("audio/wav", "sounds"),
        ("application/ogg", "sounds"),
    ],
)
async def test_for_media_type_returns_the_default(
    published: Path, media_type: str, name: str
) -> None:
    async with opened(published, image="colours") as catalog:
        await catalog.refresh()
        assert catalog.for_media_type(media_type).manifest.name == name


async def test_for_media_type_prefers_the_configured_default(models: Path) -> None:
    publish(fakes.image_bundle("another"), models)
    async with opened(models, image="colours") as catalog:
        await catalog.refresh()
        assert catalog.for_media_type("image/png").manifest.name == "colours"
    async with opened(models, image="not-published") as catalog:
        await catalog.refresh()
        assert catalog.for_media_type("image/png").manifest.name == "another"


@pytest.mark.slow
async def test_no_other_model_answers_while_the_default_is_not_ready(models: Path) -> None:
    publish(fakes.image_bundle("another"), models)
    publish(fakes.tree_bundle("a-tree"), models)
    for name, file in (("colours", "model.onnx"), ("moods", "model.onnx")):
        (models / name / "1" / file).write_bytes(b"altered")
    async with opened(models, image="colours", text="moods", tree="a-tree") as catalog:
        await catalog.refresh()
        moods = ["text/plain", "text/html", "text/csv"]
        for media_type, name in [("image/png", "colours"), *((each, "moods") for each in moods)]:
            with pytest.raises(NotReady, match=rf"^{name} is failed; GET /v1/models/{name}"):
                catalog.for_media_type(media_type)
        assert catalog.for_media_type("text/x-tree").manifest.name == "a-tree"
    async with opened(models, tree="a-tree", text="moods") as catalog:
        await catalog.refresh()
        assert catalog.for_media_type("text/plain").manifest.name == "a-tree", "it comes first"
        assert catalog.for_media_type("image/png").manifest.name == "another", "there is no default"


@pytest.mark.parametrize(
    ("defaults", "name"),
    [
        ({"text": "moods", "tree": "a-tree"}, "moods"),
        ({"text": "not-published", "tree": "a-tree"}, "moods"),
        ({"tree": "a-tree", "text": "moods"}, "a-tree"),
        ({"tree": "a-tree"}, "a-tree"),
    ],
)
async def test_plain_text_goes_to_the_first_modality_in_defaults(
    models: Path, defaults: dict[str, str], name: str
) -> None:
    publish(fakes.tree_bundle("a-tree"), models)
    async with opened(models, **defaults) as catalog:
        await catalog.refresh()
        assert catalog.for_media_type("text/plain").manifest.name == name
        assert catalog.for_media_type("text/x-tree").manifest.name == "a-tree"


async def test_for_media_type_refuses_a_type_that_no_model_reads(published: Path) -> None:
    async with opened(published) as catalog:
        await catalog.refresh()
        with pytest.raises(UnsupportedMedia, match=r"audio/\* or video/webm, image/\*, text/\*"):
            catalog.for_media_type("model/obj")


async def test_after_load_is_called_only_when_something_was_loaded(models: Path) -> None:
    calls: list[None] = []
    catalog = Catalog(models, LoadOptions(device="cpu", after_load=lambda: calls.append(None)), {})
    for _ in range(2):
        await catalog.refresh()
    assert len(calls) == 1
    await catalog.close()
