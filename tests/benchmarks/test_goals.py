"""Shares, ratios between servers, and what is written of them."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.comparison import CLIENTS, Comparison, Turn, differences
from benchmarks.goals import against_peers, at_least, at_most
from benchmarks.layers import LAYERS
from benchmarks.load import Load


def turn(rate: float, limit: float = 100.0) -> Turn:
    load = Load(int(rate), 1.0, 0.01, 0.02, 0.03, 0)
    return Turn(dict.fromkeys(CLIENTS, load), limit, 0.01)


def comparison(model: str) -> Comparison:
    own, form = [turn(99), turn(48, 50), turn(190, 200)], [turn(94)] * 3
    others = {"mosec": [turn(80)] * 3, "LitServe": [turn(70), turn(20), turn(75)]}
    turns = {"thalamus": own, "thalamus, multipart": form, **others}
    return Comparison(model, turns, {"Other": "cannot be installed"}, dict.fromkeys(turns, 0.0))


def test_a_share_is_over_the_limit_of_its_own_turn() -> None:
    found = comparison("large")
    assert found.share("thalamus", 32) == pytest.approx(0.96)
    assert found.over("thalamus", "mosec", 8) == pytest.approx(1.2)
    assert found.errors == 0


def test_goals_are_met_or_missed() -> None:
    assert at_least("x", 2, 2).met and not at_least("x", 1.9, 2).met
    assert at_most("x", 2, 2, " s").met and not at_most("x", 2.1, 2).met
    goals = {goal.what: goal for goal in against_peers(comparison("large"), comparison("small"))}
    assert not goals["224², raw, 32 clients, share of the limit"].met
    assert goals["224², raw, 8 clients, over the best peer (mosec)"].met
    assert goals["small, raw, 32 clients, over mosec"].met


def test_different_answer_is_reported() -> None:
    assert not differences([("7", 0.5)], [("7", 0.5009)])
    assert "payload 1" in differences([("7", 0.5), ("7", 0.5)], [("7", 0.5), ("7", 0.6)])
    assert differences([("7", 0.5)], [("8", 0.5)])


def test_document_names_every_contestant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(report, "PLOT", tmp_path / "benchmarks.svg")
    both = (comparison("large"), comparison("small"))
    layers = {"large": dict.fromkeys(LAYERS, 0.0123)}
    report.write(
        report.Findings(both, list(against_peers(*both)), {"Ray": "too large"}, 3, 1, layers)
    )
    text = report.DOCUMENT.read_text()
    for words in (
        "**thalamus** | 99 | 0.96",
        "mosec | 80 | 0.80",
        "Ray: too large",
        "not met",
        "12,300",
    ):
        assert words in text
    assert report.PLOT.read_text().count("<svg") == 1
