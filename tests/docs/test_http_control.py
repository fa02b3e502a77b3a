"""The request for model control in docs/reference/http.md, sent to a service that has keys."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from app.bundle import publish
from tests import fakes
from tests.app.api.controlled import KEY, controlled
from tests.docs.pages import DOCS
from tests.docs.test_http_examples import same

pytestmark = pytest.mark.anyio
PAGE = (DOCS / "reference" / "http.md").read_text()
SECTION = PAGE.partition("## Model control\n")[2].partition("\n## ")[0]


async def test_the_request_is_answered_as_printed(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        publish(fakes.image_bundle("mine", version=version), tmp_path / "models")
    found = re.search(r"```sh\n(.*?)```\n\n```json\n(.*?)```", SECTION, re.S)
    assert found is not None
    words = shlex.split(found[1].replace("\\\n", " ").replace("$THALAMUS_KEY", KEY))
    given = [pair for pair in pairwise(words) if pair[0].startswith("-")]
    headers = dict(value.split(": ") for option, value in given if option == "-H")
    address = next(word for word in words if "localhost:8000" in word)
    async with controlled(tmp_path / "models") as client:
        answer = await client.post(
            address.replace("http://localhost:8000", ""),
            headers=headers,
            content=dict(given)["-d"].encode(),
        )
    assert answer.status_code == 200
    same(json.loads(found[2]), answer.json())
