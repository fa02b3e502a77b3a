"""A service with a model of each kind that the dialects can ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests import fakes
from tests.app.api.dialects.v2_service import models_of_every_kind
from tests.conftest import open_service


@pytest.fixture(scope="package")
def dialect_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fakes.publish_all(
        tmp_path_factory.mktemp("dialects"),
        fakes.image_bundle(),
        fakes.text_bundle(),
        fakes.embedding_bundle(),
        fakes.autoencoder_bundle(),
        fakes.words_bundle(),
    )


@pytest.fixture(scope="package")
async def speaking(anyio_backend: str, dialect_models: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(dialect_models) as client:
        yield client


@pytest.fixture(scope="module")
async def tensors(anyio_backend: str, tmp_path_factory) -> AsyncIterator[httpx.AsyncClient]:
    async with models_of_every_kind(tmp_path_factory.mktemp("tensors")) as client:
        yield client
