"""A figure is on disk as soon as it exists, and is not computed twice unless that is asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.quality import command
from benchmarks.quality.command import Wanted, run_set
from benchmarks.quality.contest import Terms
from benchmarks.quality.figures import Figures
from benchmarks.quality.prepare import Prepared, prepare
from benchmarks.quality.results import Results
from benchmarks.quality.sets import QualitySet
from tests.benchmarks.quality.made import facts, quality_set, texts

Compete = Callable[[Prepared, str, Terms], Figures]


def test_figures_are_read_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    figures = Figures(40, 0.9, 0.05, 0.8, 0.06, 12.5, 20, 0.3, "C=1", 38, 0.95, 1.25)
    Results(path).put(facts(), "words", figures)
    Results(path).put(facts(), "thalamus", Figures(failed="status 1: no"))
    again = Results(path)
    assert again.figures("toy") == {"words": figures, "thalamus": Figures(failed="status 1: no")}
    assert again.facts("toy") == facts()
    assert again.has(facts(), "thalamus")
    assert not again.has(facts(), "characters")
    assert list(json.loads(path.read_text())["toy"]["figures"]) == ["thalamus", "words"]


def test_a_figure_that_another_run_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    one, other = (Results(tmp_path / "quality.json") for _ in range(2))
    one.put(facts(), "words", Figures(40, 0.9))
    other.put(facts(), "characters", Figures(40, 0.8))
    other.put(facts("more"), "words", Figures(40, 0.7))
    found = Results(tmp_path / "quality.json")
    assert list(found.figures("toy")) == ["characters", "words"]
    assert list(found.figures("more")) == ["words"]


def test_figures_of_another_split_are_dropped(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.json")
    results.put(facts(digest="one"), "words", Figures(40, 0.9))
    assert not results.has(facts(digest="two"), "words")
    results.put(facts(digest="two"), "characters", Figures(40, 0.8))
    assert list(results.figures("toy")) == ["characters"]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QualitySet:
    monkeypatch.setattr(command, "prepare", lambda each: prepare(each, tmp_path))
    return quality_set(texts())


def _counting(asked: list[str]) -> Compete:
    def compete(prepared: Prepared, who: str, terms: Terms) -> Figures:
        asked.append(who)
        return Figures(prepared.facts.test, 0.5)

    return compete


def test_a_second_run_computes_nothing_and_again_computes_all(
    toy: QualitySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(command, "compete", _counting(asked))
    results = Results(tmp_path / "quality.json")
    run_set(toy, Wanted(who=["words", "characters"]), results)
    assert asked == ["words", "characters"]
    run_set(toy, Wanted(), Results(tmp_path / "quality.json"))
    assert asked == ["words", "characters", "thalamus", "autogluon"]
    run_set(toy, Wanted(), results := Results(tmp_path / "quality.json"))
    assert len(asked) == 4
    run_set(toy, Wanted(who=["words"], again=True), results)
    assert asked[4:] == ["words"]


def test_what_was_computed_before_a_crash_is_kept(
    toy: QualitySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compete(prepared: Prepared, who: str, terms: Terms) -> Figures:
        if who == "characters":
            raise KeyboardInterrupt
        return Figures(prepared.facts.test, 0.5)

    monkeypatch.setattr(command, "compete", compete)
    with pytest.raises(KeyboardInterrupt):
        run_set(toy, Wanted(), Results(tmp_path / "quality.json"))
    assert set(Results(tmp_path / "quality.json").figures("toy")) == {"thalamus", "words"}
