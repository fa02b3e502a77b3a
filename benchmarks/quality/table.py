"""The results as a table, and what they say together."""

from collections.abc import Sequence
from itertools import groupby

from benchmarks.quality.contest import AUTOGLUON, OURS, contestants
from benchmarks.quality.figures import (
    CONFIDENCE,
    Figures,
    balanced_verdict,
    coverage_interval,
    verdict,
)
from benchmarks.quality.results import Results
from benchmarks.quality.sets import SETS, QualitySet

GOAL_AHEAD = 6  # sets on which ours is ahead of the best easy peer
GOAL_MINUTES = 10  # of the processors for 5,000 training samples
_HEAD = (
    "| set | training / test | contestant | accuracy % | balanced % | minutes (CPU) | MB "
    "| ours is |\n|---|---|---|---|---|---|---|---|"
)


def table(results: Results, sets: Sequence[QualitySet] = SETS) -> list[str]:
    """Return the lines of a Markdown table: each contestant on each set that has a figure."""
    lines = [_HEAD]
    for each in sets:
        facts, figures = results.facts(each.name), results.figures(each.name)
        if facts is None:
            lines.append(f"| {each.name} | | *not run* | | | | | |")
            continue
        ours = figures.get(OURS)
        for who in contestants(each.kind):
            if who in figures:
                named = f"{each.name} | {facts.train:,} / {facts.test:,}"
                lines.append(f"| {named} | {who} | {_row(figures[who], ours)} |")
    return lines


def description(results: Results, sets: Sequence[QualitySet] = SETS) -> list[str]:
    """Return the lines of a Markdown table: what each set is and how it was divided."""
    lines = [
        "| set | what | from | licence | labels | majority % | split |\n"
        "|---|---|---|---|---|---|---|"
    ]
    for each in sets:
        facts = results.facts(each.name)
        labels, majority, cut = "", "", ""
        if facts is not None:
            labels, majority = str(facts.labels), f"{100 * facts.majority:.1f}"
            dropped = facts.left_out.get("training cut", 0)
            cut = f"; {dropped:,} training samples were cut" if dropped else ""
        lines.append(
            f"| {each.name} | {each.title} | {each.source} | {each.licence} "
            f"| {labels} | {majority} | {each.split}{cut} |"
        )
    return lines


def _row(found: Figures, ours: Figures | None) -> str:
    if found.failed:
        return f"*failed: {found.failed.replace('|', '/')[:120]}* | | | | "
    spent = f"{found.seconds / 60:.1f} ({found.cpu_seconds / 60:.1f})"
    compared = "" if ours is None or found is ours or ours.failed else verdict(ours, found)
    return (
        f"{100 * found.accuracy:.1f} ± {100 * found.error:.1f} "
        f"| {100 * found.balanced:.1f} ± {100 * found.balanced_error:.1f} "
        f"| {spent} | {found.megabytes:.1f} | {compared}"
    )


def summary(results: Results, sets: Sequence[QualitySet] = SETS) -> list[str]:
    """Return the lines that say whether the goals are met, of the sets that ours was run on."""
    run = [each for each in sets if _ours(results, each) is not None]
    lines = [f"Ours was run on {len(run)} of {len(sets)} sets."]
    for group in ("the best easy peer", "AutoGluon"):
        lines += _against(group, results, run)
    lines += _failures(results, sets)
    lines += _coverage(results, run)
    return [*lines, *_cost(results, run)]


def best_easy(results: Results, wanted: QualitySet) -> Figures | None:
    """Return the figures of the easy peer with the highest accuracy on a set."""
    found = [
        figures
        for who, figures in results.figures(wanted.name).items()
        if who not in (OURS, AUTOGLUON) and not figures.failed
    ]
    return max(found, key=lambda figures: figures.accuracy, default=None)


def _ours(results: Results, wanted: QualitySet) -> Figures | None:
    found = results.figures(wanted.name).get(OURS)
    return None if found is None or found.failed else found


def _against(group: str, results: Results, run: Sequence[QualitySet]) -> list[str]:
    plain: dict[str, str] = {}
    balanced: dict[str, str] = {}
    for each in run:
        ours = _ours(results, each)
        easy = group != "AutoGluon"
        other = best_easy(results, each) if easy else results.figures(each.name).get(AUTOGLUON)
        if ours is not None and other is not None and not other.failed:
            plain[each.name] = verdict(ours, other)
            balanced[each.name] = balanced_verdict(ours, other)
    goal = f" (goal: {GOAL_AHEAD}, none behind)" if group != "AutoGluon" else ""
    return [
        f"Accuracy against {group}{goal}: {_counted(plain)}.",
        f"Balanced accuracy against {group}: {_counted(balanced)}.",
    ]


def _counted(verdicts: dict[str, str]) -> str:
    by_verdict = sorted(verdicts.items(), key=lambda pair: (pair[1], pair[0]))
    parts = {
        said: [name for name, _ in pairs]
        for said, pairs in groupby(by_verdict, key=lambda pair: pair[1])
    }
    named = (f"{said} on {len(names)} ({', '.join(names)})" for said, names in parts.items())
    return "; ".join(named) or "nothing to compare"


def _failures(results: Results, sets: Sequence[QualitySet]) -> list[str]:
    return [
        f"{who} failed on {each.name}: {figures.failed}."
        for each in sets
        for who, figures in results.figures(each.name).items()
        if figures.failed
    ]


def _coverage(results: Results, run: Sequence[QualitySet]) -> list[str]:
    lines = []
    for each in run:
        ours = _ours(results, each)
        interval = coverage_interval(ours) if ours else None
        if ours is None or interval is None or ours.covered is None or ours.promised is None:
            lines.append(f"{each.name}: no prediction sets.")
            continue
        low, high = interval
        inside = "inside" if low <= ours.promised <= high else "OUTSIDE"
        measured = 100 * ours.covered / ours.test
        lines.append(
            f"{each.name}: prediction sets hold the label of {measured:.1f} % and "
            f"{ours.set_size} labels; the promised {100 * ours.promised:g} % is {inside} the "
            f"{100 * CONFIDENCE:g} % interval, {100 * low:.1f} to {100 * high:.1f} %."
        )
    return lines


def _cost(results: Results, run: Sequence[QualitySet]) -> list[str]:
    slow = []
    for each in run:
        ours, facts = _ours(results, each), results.facts(each.name)
        if ours is not None and facts is not None:
            allowed = GOAL_MINUTES * max(1.0, facts.train / 5_000)
            if ours.cpu_seconds / 60 > allowed:
                slow.append(f"{each.name} ({ours.cpu_seconds / 60:.1f})")
    said = ", ".join(slow) or "none"
    return [f"Sets with more than {GOAL_MINUTES} CPU minutes for 5,000 samples: {said}."]
