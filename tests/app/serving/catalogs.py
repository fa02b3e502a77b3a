"""Catalogs over a folder of models: what they show, and bundles that load slowly or not at all."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from app.bundle import Registry, publish
from app.bundle.publish import seal
from app.modalities import MODALITIES, Modality
from app.modalities.text import TEXT
from app.modalities.text.encoder import TextEncoder
from app.registry import SHIPPED
from app.serving.catalog import Catalog
from app.serving.loading import LoadOptions
from app.tasks import TASKS
from tests import fakes


@asynccontextmanager
async def opened(
    root: Path, modalities: Mapping[str, Modality] = MODALITIES, **defaults: str
) -> AsyncIterator[Catalog]:
    options = LoadOptions(Registry(TASKS, modalities), device="cpu")
    catalog = Catalog(root, options, defaults)
    yield catalog
    await catalog.close()


def states(catalog: Catalog) -> dict[str, str]:
    return {f"{entry.name}/{entry.version}": str(entry.state) for entry in catalog.entries}


def publish_lying(root: Path, version: int) -> None:
    """Publish a version whose graph does not give its golden answers."""
    bundle = fakes.image_bundle(version=version)
    files = {**bundle.files, "model.onnx": fakes.image_graph(8, 1.0)}
    publish(seal(bundle.manifest, files, SHIPPED), root)


@contextmanager
def slow_loading() -> Iterator[tuple[threading.Event, dict[str, Modality]]]:
    """Yield modalities whose text encoder waits, in its thread, until the event is set."""
    go = threading.Event()

    class Slow(TextEncoder):
        def __init__(self, *arguments) -> None:
            assert go.wait(20)
            super().__init__(*arguments)

    try:
        yield go, {**MODALITIES, "text": replace(TEXT, encoder=Slow)}
    finally:
        go.set()


def reasons(catalog: Catalog) -> dict[str, str | None]:
    return {f"{entry.name}/{entry.version}": entry.reason for entry in catalog.entries}


async def until(condition) -> None:
    """Wait until the condition holds; fail after some seconds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)
