"""A real server of the shipped models."""

from collections.abc import Iterator

import pytest

from tests.clients.environment import ROOT
from tests.docs.service import serving


@pytest.fixture(scope="package")
def shipped_port() -> Iterator[int]:
    with serving(ROOT / "models") as port:
        yield port
