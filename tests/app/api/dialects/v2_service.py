"""A service for the tests of the Open Inference Protocol, and what is sent to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np

from tests import fakes
from tests.conftest import open_service

RED, BLUE = fakes.plain(fakes.RED), fakes.plain(fakes.BLUE)
COLOURS = "/v2/models/calibrated/infer"
MOODS = "/v2/models/moods/infer"


@asynccontextmanager
async def models_of_every_kind(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Serve fakes of every modality and task, with low limits."""
    fakes.publish_all(
        folder,
        fakes.calibrated_bundle(),
        fakes.explained(fakes.image_bundle("explained")),
        fakes.explained(fakes.text_bundle()),
        fakes.text_bundle("moods", 2),
        fakes.words_bundle(),
        fakes.tree_bundle(),
        fakes.audio_bundle(),
    )
    async with open_service(folder, defaults={}, max_items=4, max_body=100_000) as client:
        yield client


def square(*levels: tuple[int, int, int]) -> np.ndarray:
    """Return plain pictures as the graph reads them, uint8 (batch, 8, 8, 3)."""
    return np.array([np.full((8, 8, 3), level, np.uint8) for level in levels])


PAIR = square((255, 0, 0), (5, 10, 240))
