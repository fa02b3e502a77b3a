"""The table on the terminal and in the document, and the exit status."""

from pathlib import Path

import pytest

from benchmarks.reliability import chaos, table
from benchmarks.reliability.promise import Figure, Promise, Row, at_most

PROMISE = Promise("memory", "growth of a worker | all swaps", at_most(32, "MB"))
HELD = Row("swap/versions", PROMISE, Figure(3.02, "100 swaps"))
MISSED = Row("swap/versions", PROMISE, Figure(79))
SKIPPED = Row("stop/rolling", PROMISE, None, "nginx is not installed", skipped=True)


def test_a_row_says_promise_bound_figure_and_verdict() -> None:
    first, second = table.line(HELD).splitlines()
    assert first == "held     swap/versions: growth of a worker | all swaps"
    assert second.split(None, 1)[1] == "≤ 32 MB, measured 3.02 MB (100 swaps)"


def test_the_summary_names_what_is_not_held() -> None:
    text = table.summary([HELD, MISSED, SKIPPED])
    assert text == "1 of 3 promises are held, 1 skipped; not held: swap/versions (memory)"
    assert table.summary([HELD]) == "1 of 1 promises are held"


def test_only_the_part_between_the_markers_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- chaos -->\nold\n<!-- end of chaos -->\n\nrest\n")
    for _ in range(2):
        table.write("chaos", "make chaos", [HELD, MISSED], page)
    text = page.read_text()
    assert text.startswith("# Page\n\n<!-- chaos -->\n\n`make chaos`, ")
    assert text.endswith("<!-- end of chaos -->\n\nrest\n")
    assert "old" not in text
    assert "| growth of a worker / all swaps | ≤ 32 MB | 79 MB | **not held** |" in text


def test_the_document_has_the_markers() -> None:
    text = table.DOCUMENT.read_text()
    for name in ("chaos", "soak"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- end of {name} -->")


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    with pytest.raises(ValueError, match="has no markers"):
        table.write("soak", "make soak", [HELD], page)
    assert page.read_text() == "# Page\n"


def test_experiments_are_chosen_by_topic_or_name() -> None:
    names = [experiment.name for experiment in chaos.chosen(["swap", "stop/early"])]
    assert "stop/early" in names
    assert {name.partition("/")[0] for name in names} == {"swap", "stop"}
    assert "stop/kill-9" not in names
    assert chaos.chosen([]) == list(chaos.EXPERIMENTS)


def test_a_name_that_no_experiment_has_is_refused() -> None:
    with pytest.raises(SystemExit, match="no experiment begins with nothing; there are memory/"):
        chaos.chosen(["nothing"])


def test_names_are_unique_and_every_promise_has_its_own() -> None:
    names = [experiment.name for experiment in chaos.EXPERIMENTS]
    assert len(set(names)) == len(names)
    for experiment in chaos.EXPERIMENTS:
        keys = [promise.name for promise in experiment.promises]
        assert len(set(keys)) == len(keys), experiment.name


def test_the_page_explains_every_topic() -> None:
    topics = {experiment.name.partition("/")[0] for experiment in chaos.EXPERIMENTS} | {"soak"}
    text = table.DOCUMENT.read_text()
    assert [topic for topic in sorted(topics) if f"\n| {topic} | " not in text] == []
