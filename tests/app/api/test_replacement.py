"""Requests whose model is replaced while their body arrives."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.bundle import Bundle, publish
from tests import fakes
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
TEXT = {"Content-Type": "text/plain"}


async def while_replaced(
    client: httpx.AsyncClient, models: Path, successor: Bundle, *parts: bytes
) -> AsyncIterator[bytes]:
    """Give a body in two parts, and replace version 1 of its model between them."""
    first, rest = parts
    yield first
    publish(successor, models)
    shutil.rmtree(models / successor.manifest.name / "1")
    await client.app.state.catalog.refresh()
    yield rest


@pytest.mark.parametrize(
    ("path", "status"), [("moods", 200), ("moods/versions/1", 404), ("moods/versions/2", 404)]
)
async def test_the_successor_answers(models: Path, path: str, status: int) -> None:
    async with open_service(models) as client:
        body = while_replaced(client, models, fakes.text_bundle(version=2), b"go", b"od")
        answer = await client.post(f"/v1/models/{path}/classify", content=body, headers=TEXT)
        assert answer.status_code == status
        if status == 200:
            assert (answer.json()["version"], len(answer.json()["predictions"])) == (2, 1)


async def test_the_successor_completes(models: Path) -> None:
    publish(fakes.words_bundle(), models)
    async with open_service(models) as client:
        parts = (b'{"text": "The day"', b"}")
        body = while_replaced(client, models, fakes.words_bundle(version=2), *parts)
        answer = await client.post("/v1/models/prose/complete", content=body)
        assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_a_version_of_too_many_digits_is_unknown(models: Path) -> None:
    timestamp = 1_722_340_000_000_000
    publish(fakes.text_bundle(version=timestamp), models)
    async with open_service(models) as client:
        for version, status in ((timestamp, 200), (f"{timestamp}000", 404), (10**17, 404)):
            url = f"/v1/models/moods/versions/{version}/classify"
            answer = await client.post(url, content=b"good", headers=TEXT)
            assert answer.status_code == status
        assert "published are: 1, 1722340000000000" in answer.json()["detail"]


async def test_a_failed_replacement_is_shown_with_the_version_that_answers(models: Path) -> None:
    async with open_service(models) as client:
        (models / "moods" / "1" / "model.onnx").write_bytes(b"")
        manifest = models / "moods" / "1" / "manifest.json"
        manifest.write_text(manifest.read_text() + "\n")
        await client.app.state.catalog.refresh()
        [version] = (await client.get("/v1/models/moods")).json()["versions"]
        assert version["state"] == "ready"
        assert "the new content does not answer, the one before does" in version["reason"]
