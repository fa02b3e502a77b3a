"""Row by row of the table of dialects: golden cases, answered as at `/v1`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.dialects import DIALECTS
from app.bundle import Bundle, read_bundle
from app.pipeline.replay import golden_payload
from app.registry import SHIPPED
from tests.app.api.dialects.asking import ASK, Item, own
from tests.conftest import open_service

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
MODELS = Path(__file__).parents[4] / "models"
CASES = 2  # of each model
ROWS = [
    (dialect.name, row.address, row.task, modality)
    for dialect in DIALECTS
    for row in dialect.rows
    for modality in row.modalities
]


@pytest.fixture(scope="module")
def bundles() -> list[Bundle]:
    folders = sorted(path.parent for path in MODELS.glob("*/*/manifest.json"))
    return [read_bundle(folder, SHIPPED) for folder in folders]


@pytest.fixture(scope="module")
async def shipped(anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(MODELS, defaults={}) as client:
        yield client


def items(bundles: list[Bundle], task: str, modality: str) -> Iterator[Item]:
    for bundle in bundles:
        manifest = bundle.manifest
        if manifest.modality == modality and SHIPPED.tasks[task].can(manifest):
            for case in bundle.golden[:CASES]:
                payload = golden_payload(bundle, case)
                yield Item(manifest.name, task, payload.data, payload.media_type)


def same(answer: Any, expected: Any) -> None:
    """Compare labels, numbers and texts; numbers within the rounding of a batch."""
    if isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for name in expected:
            same(answer[name], expected[name])
    elif isinstance(expected, list | tuple):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected, strict=True):
            same(one, other)
    else:
        assert answer == pytest.approx(expected, abs=1e-5)


def test_every_address_of_the_table_is_asked_here() -> None:
    assert {address for _, address, _, _ in ROWS} == ASK.keys()


@pytest.mark.parametrize(("dialect", "address", "task", "modality"), ROWS)
async def test_a_dialect_answers_as_the_own_one(
    shipped: httpx.AsyncClient,
    bundles: list[Bundle],
    dialect: str,
    address: str,
    task: str,
    modality: str,
) -> None:
    asked = list(items(bundles, task, modality))
    assert asked, "no shipped model can be asked so"
    for item in asked:
        answer, expected = await ASK[address](shipped, item), await own(shipped, item)
        if task == "classify" and dialect == "text-embeddings-inference":
            answer = answer[: len(expected)]  # which has all labels
        same(answer, expected)
