"""docs/reference/bundle.md names every field of a manifest, and every output with a meaning."""

import re

import pytest

from app.bundle import Conformal, Manifest, Measurement, NoveltyScore, Provenance, tensors
from app.bundle.serving_rule import ServingRule, parse_rule
from app.modalities import MODALITIES
from app.tasks import TASKS
from tests.docs.pages import DOCS

PAGE = (DOCS / "reference" / "bundle.md").read_text()
NAMED = set(re.findall(r"`([^`\s]+)`", PAGE))
OUTPUTS = {
    value
    for name, value in vars(tensors).items()
    if name.isupper() and isinstance(value, str) and name != "EXPLAIN"
}


KINDS = [Manifest, Provenance, Conformal, NoveltyScore, Measurement, ServingRule]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_field(kind) -> None:
    assert set(kind.model_fields) - NAMED == set()


def test_the_example_of_a_serving_rule_is_one() -> None:
    (example,) = re.findall(r"```json\n(\{\"policy.*?)```", PAGE, re.S)
    assert parse_rule(example.encode()).policy == "pinned"


def test_the_page_names_every_output_task_and_encoder() -> None:
    assert len(OUTPUTS) == 9
    assert set() == OUTPUTS - NAMED
    assert TASKS.keys() - NAMED == set()
    assert MODALITIES.keys() - NAMED == set()
