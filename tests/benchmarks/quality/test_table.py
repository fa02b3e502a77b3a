"""The table shows each contestant, and the summary counts what the goals count."""

from dataclasses import replace
from pathlib import Path

from benchmarks.quality.command import write_page
from benchmarks.quality.figures import Figures
from benchmarks.quality.results import Results
from benchmarks.quality.table import best_easy, description, summary, table
from tests.benchmarks.quality.made import facts, quality_set

SETS = [quality_set([], name=name) for name in ("won", "even", "lost", "open")]


def _figures(accuracy: float, **more: float) -> Figures:
    cost = {"seconds": 90.0, "cpu_seconds": 60.0, "megabytes": 2.5} | more
    balanced = {"balanced": accuracy, "balanced_error": 0.02, "error": 0.02}
    return Figures(test=400, accuracy=accuracy, **balanced, **cost)  # ± .02


def _results(folder: Path) -> Results:
    results = Results(folder / "quality.json")
    for name, ours in (("won", 0.9), ("even", 0.81), ("lost", 0.7)):
        results.put(facts(name), "thalamus", _figures(ours))
        results.put(facts(name), "words", _figures(0.8))
        results.put(facts(name), "characters", _figures(0.5))
        results.put(facts(name), "autogluon", _figures(0.6))
    return results


def test_each_figure_has_its_row_and_verdict(tmp_path: Path) -> None:
    rows = table(_results(tmp_path), SETS)
    assert len(rows) == 1 + 3 * 4 + 1
    figures = "80.0 ± 2.0 | 80.0 ± 2.0 | 1.5 (1.0) | 2.5"
    assert f"| won | 160 / 40 | words | {figures} | ahead |" in rows
    assert f"| even | 160 / 40 | words | {figures} | equal |" in rows
    assert f"| lost | 160 / 40 | words | {figures} | behind |" in rows
    assert [row for row in rows if "thalamus" in row and row.endswith("| 2.5 |  |")]
    assert rows[-1] == "| open | | *not run* | | | | | |"


def test_a_set_is_described_with_what_was_cut(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.json")
    results.put(replace(facts("won"), left_out={"training cut": 3008}), "words", _figures(0.8))
    rows = description(results, SETS)
    cut = "one in five; 3,008 training samples were cut"
    assert rows[1] == f"| won | a toy | made here | CC0 | 2 | 50.0 | {cut} |"
    assert rows[2] == "| even | a toy | made here | CC0 |  |  | one in five |"


def test_the_summary_compares_with_the_best_easy_peer(tmp_path: Path) -> None:
    results = _results(tmp_path)
    assert best_easy(results, SETS[0]) == results.figures("won")["words"]
    lines = summary(results, SETS)
    assert lines[0] == "Ours was run on 3 of 4 sets."
    said = "ahead on 1 (won); behind on 1 (lost); equal on 1 (even)"
    assert f"Accuracy against the best easy peer (goal: 6, none behind): {said}." in lines
    assert f"Balanced accuracy against the best easy peer: {said}." in lines
    assert "Accuracy against AutoGluon: ahead on 3 (even, lost, won)." in lines
    assert "Sets with more than 10 CPU minutes for 5,000 samples: none." in lines


def test_a_failure_is_a_row_and_no_comparison(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.json")
    results.put(facts("won"), "thalamus", Figures(failed="status 1: worse | than nothing"))
    results.put(facts("won"), "words", _figures(0.8))
    rows = table(results, SETS[:1])
    assert (
        "| won | 160 / 40 | thalamus | *failed: status 1: worse / than nothing* | | | |  |" in rows
    )
    lines = summary(results, SETS[:1])
    assert lines[0] == "Ours was run on 0 of 1 sets."
    assert "thalamus failed on won: status 1: worse | than nothing." in lines


def test_coverage_is_compared_with_what_was_promised(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.json")
    for name, covered in (("won", 380), ("lost", 340)):
        figures = Figures(400, 0.9, covered=covered, promised=0.95, set_size=1.5)
        results.put(facts(name), "thalamus", figures)
    lines = [line for line in summary(results, SETS) if "prediction sets" in line]
    assert lines[0].startswith("won: prediction sets hold the label of 95.0 % and 1.5 labels")
    assert "the promised 95 % is inside the 95 % interval" in lines[0]
    assert "the promised 95 % is OUTSIDE the 95 % interval, 81.1 to 88.4 %" in lines[1]


def test_a_slow_set_is_named(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.json")
    results.put(facts("won"), "thalamus", _figures(0.9, cpu_seconds=630))
    results.put(facts("even", train=10_000), "thalamus", _figures(0.9, cpu_seconds=1190))
    last = summary(results, SETS)[-1]
    assert last == "Sets with more than 10 CPU minutes for 5,000 samples: won (10.5)."


def test_a_page_keeps_what_is_around_its_table(tmp_path: Path) -> None:
    page = tmp_path / "quality.md"
    page.write_text("# Quality\n<!-- table -->\nold\n<!-- end -->\nafter\n")
    write_page(page, ["| new |"])
    assert page.read_text() == "# Quality\n<!-- table -->\n| new |\n<!-- end -->\nafter\n"
