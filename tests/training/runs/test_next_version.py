"""A version that is made of another one serves as that one does."""

from pathlib import Path

import pytest

from app.bundle import publish, read_bundle
from app.bundle.serving_rule import ServingRule, read_rule, write_rule
from app.registry import SHIPPED
from tests.fakes import image_bundle
from training.exporting.card.data import CardData
from training.runs.next_version import publish_next


@pytest.mark.parametrize(("held", "after"), [((), ()), ((1,), (1, 2))])
def test_what_is_made_of_a_held_version_is_held(
    tmp_path: Path, held: tuple[int, ...], after: tuple[int, ...]
):
    bundle = read_bundle(publish(image_bundle(), tmp_path), SHIPPED)
    write_rule(tmp_path / "colours", ServingRule(held=held))
    folder = publish_next(bundle, {"temperature": 2.0}, {}, CardData(), tmp_path)
    assert read_bundle(folder, SHIPPED).manifest.temperature == 2.0
    assert folder.name == "2"
    rule = read_rule(tmp_path / "colours")
    assert rule.held == after
    assert rule.reasons.get(2) in (None, "version 1, of which it was made, is held")
