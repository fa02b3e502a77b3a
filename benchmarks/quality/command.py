"""`python -m benchmarks quality`: what has no figure yet, one set and contestant at a time."""

import argparse
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.quality.contest import AUTOGLUON, OURS, Terms, compete, contestants
from benchmarks.quality.figures import Figures
from benchmarks.quality.prepare import pin, pinned, prepare
from benchmarks.quality.results import Results
from benchmarks.quality.sets import BY_NAME, SETS, QualitySet
from benchmarks.quality.table import description, summary, table
from benchmarks.servers import ROOT
from training.errors import BadData, MissingData

PAGE = ROOT / "docs" / "quality.md"


@dataclass(frozen=True)
class Wanted:
    """What to run. only: names of sets, none for all; who: names of contestants, none for all."""

    only: Sequence[str] = ()
    who: Sequence[str] = ()
    again: bool = False
    terms: Terms = field(default_factory=Terms)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--only", nargs="*", default=[], choices=list(BY_NAME), metavar="SET")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--ours-only", action="store_true", help="only the default training")
    who.add_argument("--peer-only", action="store_true", help="only the others")
    who.add_argument("--easy-only", action="store_true", help="only the easy peers")
    parser.add_argument("--again", action="store_true", help="also what has a figure already")
    parser.add_argument("--data", type=Path, help="folder with the data; else THALAMUS_DATA")
    parser.add_argument("--automl-seconds", type=int, default=300, help="of AutoGluon, for a set")
    parser.add_argument("--train", default="", help="further arguments of thalamus-train train")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    parser.add_argument(
        "--pin", action="store_true", help="make splits.json of the data that is here"
    )
    parser.add_argument("--write", action="store_true", help="write docs/quality.md, too")


def run(options: argparse.Namespace) -> None:
    """Run what was asked for, print the table and what it says."""
    if options.data is not None:
        os.environ["THALAMUS_DATA"] = str(options.data.resolve())
    if options.pin:
        pin(prepare(each).facts for each in SETS)
        return
    results = Results()
    if not options.table:
        terms = Terms(shlex.split(options.train), options.automl_seconds)
        wanted = Wanted(options.only, _names(options), options.again, terms)
        for each in SETS:
            if each.name in (wanted.only or BY_NAME):
                run_set(each, wanted, results)
    lines = [*table(results), "", *(f"- {line}" for line in summary(results))]
    print("\n".join(lines))
    if options.write:
        write_page(PAGE, [*description(results), "", *lines])


def _names(options: argparse.Namespace) -> list[str]:
    everybody = dict.fromkeys(who for each in SETS for who in contestants(each.kind))
    if options.ours_only:
        return [OURS]
    left_out = {OURS, AUTOGLUON} if options.easy_only else {OURS} if options.peer_only else set()
    return [who for who in everybody if who not in left_out]


def run_set(each: QualitySet, wanted: Wanted, results: Results) -> None:
    """Prepare a set and run the contestants that have no figure on it; keep each at once."""
    try:
        prepared = prepare(each)
    except (MissingData, BadData) as problem:
        print(f"{each.name}: left out: {problem}", flush=True)
        return
    known = pinned(each.name)
    if known not in (None, prepared.facts.digest):
        print(f"{each.name}: other samples than the repository's figures are of", flush=True)
    for who in contestants(each.kind):
        if wanted.who and who not in wanted.who:
            continue
        if results.has(prepared.facts, who) and not wanted.again:
            continue
        print(f"{time.strftime('%H:%M:%S')} {each.name}: {who} …", flush=True)
        results.put(prepared.facts, who, figures := compete(prepared, who, wanted.terms))
        print(f"{time.strftime('%H:%M:%S')} {each.name}: {_line(who, figures)}", flush=True)


def _line(who: str, found: Figures) -> str:
    if found.failed:
        return f"{who} failed: {found.failed}"
    return (
        f"{who} {100 * found.accuracy:.2f} %, balanced {100 * found.balanced:.2f} %, "
        f"{found.cpu_seconds / 60:.1f} CPU minutes"
    )


def write_page(page: Path, lines: Sequence[str]) -> None:
    """Write the table between the page's two marks."""
    before, _, rest = page.read_text().partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    shown = "\n".join(lines)
    page.write_text(f"{before}<!-- table -->\n{shown}\n<!-- end -->\n{after}")
