"""Writes the results to docs/benchmarks.md and docs/benchmarks.svg."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from benchmarks import machine
from benchmarks.comparison import Comparison
from benchmarks.goals import OWN, Goal
from benchmarks.layers import table
from benchmarks.peers import PEERS
from benchmarks.plot import draw
from benchmarks.rounds import NOISY
from benchmarks.servers import ROOT

DOCUMENT = ROOT / "docs/benchmarks.md"
PROFILE = ROOT / "benchmarks/profile.md"  # a person's text about the table
PLOT = ROOT / "docs/benchmarks.svg"
NAMES = {"large": "MobileNetV2-like, 224², 100 KB JPEG", "small": "small CNN, 32×32 JPEG"}
TABLE = 32  # clients of the table


@dataclass(frozen=True)
class Findings:
    """All results."""

    comparisons: Sequence[Comparison]
    goals: Sequence[Goal]
    skipped: dict[str, str]
    rounds: int
    seconds: float
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write(findings: Findings) -> None:
    """Write the document and its picture."""
    parts = [_head(findings), _table(findings.comparisons), _goals(findings.goals)]
    parts += [_profile(findings.layers)] if findings.layers else []
    parts += [_foot(findings)]
    DOCUMENT.write_text("\n\n".join(parts) + "\n")
    draw(findings.comparisons, NAMES, PLOT)


def _head(findings: Findings) -> str:
    rows = [
        "# Benchmarks",
        "",
        f"Written by `make bench`, {datetime.now(UTC):%Y-%m-%d}. {machine.describe()}, the load",
        "generator on the same cores. Every figure is the median of "
        f"{findings.rounds} interleaved rounds, {findings.seconds:g} s",
        "each (the 224² model: twice as long); a share is over the in-process limit of the same",
        "turn. How it is measured:",
        "[benchmarks](../benchmarks/README.md).",
        "",
        "![Throughput and p99 over the number of clients](benchmarks.svg)",
    ]
    return "\n".join(rows)


def _table(comparisons: Sequence[Comparison]) -> str:
    heads = " | ".join(f"{NAMES[c.model]}: req/s | share | p99, ms" for c in comparisons)
    rows = [
        f"## {TABLE} clients",
        "",
        f"| server | {heads} |",
        "|---" * (1 + 3 * len(comparisons)) + "|",
    ]
    limits = (median(t.limit for ts in c.turns.values() for t in ts) for c in comparisons)
    rows.append("| in-process limit | " + " | ".join(f"{x:,.0f} | 1.00 | " for x in limits) + " |")
    names = {name for comparison in comparisons for name in comparison.turns}
    first = comparisons[0]
    for name in sorted(names, key=lambda n: -first.share(n, TABLE) if n in first.turns else 0):
        cells = [_cells(comparison, name) for comparison in comparisons]
        rows.append(f"| {f'**{name}**' if name.startswith(OWN) else name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cells(comparison: Comparison, name: str) -> str:
    if name not in comparison.turns:
        return "skipped | | "
    rate, p99 = comparison.rate(name, TABLE), 1000 * comparison.p99(name, TABLE)
    return f"{rate:,.0f} | {comparison.share(name, TABLE):.2f} | {p99:,.0f}"


def _goals(goals: Sequence[Goal]) -> str:
    met = sum(goal.met for goal in goals)
    rows = [
        f"## Goals: {met} of {len(goals)} are met",
        "",
        "| | goal | figure | |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| {g.what} | {g.wanted} | {g.figure} | {'met' if g.met else '**not met**'} |"
        for g in goals
    ]
    return "\n".join(rows)


def _profile(layers: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        "## Where the time goes",
        "",
        "Processor time of all of a server's processes, which others' work shifts less than the",
        "clock's. What the service takes beyond bare uvicorn and the pipeline is its own: routing,",
        "the queue, the answer, and caches that several clients' work has emptied.",
        "",
        table(layers),
        "",
        PROFILE.read_text().strip(),
    ]
    return "\n".join(rows)


def _idle(comparisons: Sequence[Comparison]) -> str:
    found = comparisons[-1].idle
    return ", ".join(f"{name} {found[name]:.0%}" for name in sorted(found, key=lambda n: found[n]))


def _foot(findings: Findings) -> str:
    turns = [t for c in findings.comparisons for ts in c.turns.values() for t in ts]
    noisy = sum(turn.foreign > NOISY for turn in turns)
    skipped = findings.skipped | {
        n: why for c in findings.comparisons for n, why in c.skipped.items()
    }
    ours = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime-gpu", "pillow", "uvicorn"))
    rows = [
        "## Circumstances",
        "",
        f"- Other processes had {median(t.foreign for t in turns):.1%} of the processors in the",
        f"  median turn; in {noisy} of {len(turns)} turns it was more than {NOISY:.0%}.",
        f"- Idle, of a core: {_idle(findings.comparisons)}. Whoever polls is",
        "  frozen between its turns.",
        f"- Errors: {sum(c.errors for c in findings.comparisons)}. Every server answered every",
        "  payload with the graph's own label, the probability within 0.001.",
        f"- Thalamus on {ours}; peers: {', '.join(peer.version for peer in PEERS)}.",
        *(f"- Skipped: {name}: {why}" for name, why in skipped.items()),
    ]
    return "\n".join(rows)
