"""docs/reference/metrics.md lists the metrics that the service answers with, and no others."""

import re

from app.errors import refusal_reasons
from app.metrics.families import FAMILIES
from app.serving.catalog import VersionState
from app.telemetry import STAGES
from tests.docs.pages import DOCS

PAGE = (DOCS / "reference" / "metrics.md").read_text()
ROWS = re.findall(r"^\| `((?:thalamus|process)_\w+)` \| (\w+) \|(.*?)\| (.*) \|$", PAGE, re.M)


def test_the_page_has_every_metric_with_its_type_and_labels() -> None:
    described = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in ROWS
    ]
    assert described == [
        (each.name + ("_total" if each.kind == "counter" else ""), each.kind, each.labels)
        for each in FAMILIES
    ]


def test_the_page_has_every_value_of_a_fixed_set() -> None:
    meanings = {name: meaning for name, _, _, meaning in ROWS}
    states = re.findall(r"`(\w+)`", meanings["thalamus_version_workers"])
    assert states == [str(state) for state in VersionState]
    assert tuple(re.findall(r"`(\w+)`", meanings["thalamus_stage_seconds"])) == STAGES


def test_the_page_has_every_reason_to_refuse() -> None:
    table = PAGE.partition("| reason | meaning |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.M)) == refusal_reasons()
