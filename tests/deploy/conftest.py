"""The chart is rendered once for each case."""

from collections.abc import Mapping
from typing import Any

import pytest
import render
import yaml
from chart import CASES, Documents, rendered


@pytest.fixture(scope="package")
def renderings() -> dict[str, str]:
    """Return the documents of each case, as one text."""
    found = rendered(list(CASES.values()))
    assert [each for each in found if isinstance(each, str)] == []
    return dict(zip(CASES, map(render.joined, found), strict=True))


@pytest.fixture(params=CASES)
def documents(request: pytest.FixtureRequest, renderings: dict[str, str]) -> Documents:
    several = list(yaml.safe_load_all(renderings[request.param]))
    by_kind = {document["kind"]: document for document in several}
    assert len(by_kind) == len(several)
    return by_kind


@pytest.fixture
def pod(documents: Documents) -> Mapping[str, Any]:
    return documents["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    [found] = pod["containers"]
    return found
