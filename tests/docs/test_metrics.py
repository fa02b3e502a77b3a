"""docs/reference/metrics.md lists the metrics that the service answers with, and no others."""

import re

from app.metrics import Metrics
from app.telemetry import Timings
from tests.docs.pages import DOCS

PAGE = (DOCS / "reference" / "metrics.md").read_text()


def test_the_page_has_every_metric_with_its_type() -> None:
    metrics = Metrics()
    metrics.answered(200)
    metrics.served("digits", "1", 1, Timings())
    metrics.abstained("digits", "1", 0)
    answered = set(re.findall(r"^# TYPE (\w+) (\w+)$", metrics.render().decode(), re.M))
    assert set(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.M)) == answered
