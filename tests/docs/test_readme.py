"""README.md stays short, and its table has the figures of the manifests."""

import json
import re
from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT

MOST_WORDS = 700
ROWS = dict(re.findall(r"^\| `([\w-]+)` (\|.*\|)$", README.read_text(), re.M))
FIGURE = re.compile(r"\| (accuracy|perplexity) ([\d.]+)( %)?")


def newest(name: str) -> dict:
    paths = (ROOT / "models" / name).glob("*/manifest.json")
    path: Path = max(paths, key=lambda path: int(path.parent.name))
    return json.loads(path.read_bytes())


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= MOST_WORDS


def test_the_table_has_every_shipped_model() -> None:
    assert set(ROWS) == {path.name for path in (ROOT / "models").iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", ROWS)
def test_the_table_has_a_figure_of_the_manifest(name: str) -> None:
    kind, printed, percent = FIGURE.search(ROWS[name]).groups()
    measured = [
        f"{figure['value'] * (100 if percent else 1):.2f}"
        for figure in newest(name)["metrics"]
        if figure["name"].startswith(kind) and "baseline" not in figure["name"]
    ]
    assert printed in measured


def test_the_number_of_golden_cases_is_right() -> None:
    cases = [
        len(json.loads(path.read_bytes())) for path in ROOT.glob("models/*/*/golden/cases.json")
    ]
    assert f"All {sum(cases)} golden cases" in README.read_text()
