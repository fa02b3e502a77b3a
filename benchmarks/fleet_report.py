"""The sections of docs/simulation.md about fleets, and docs/simulation-fleet.svg."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

from benchmarks.elasticity import (
    FRONTS,
    LEAST,
    MOST,
    NOTICE,
    SHOWN,
    STARTS,
    SURGE,
    Failure,
    Surge,
)

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes

PLOT = Path(__file__).parent.parent / "docs/simulation-fleet.svg"
READING = Path(__file__).with_name("fleet.md")  # a person's text about it


def sections(failures: Sequence[Failure], surges: Sequence[Surge]) -> list[str]:
    """Return the sections, and draw their picture."""
    _draw(surges)
    steps = ", ".join(f"{seconds:.0f} s of {load:g}" for seconds, load in SURGE)
    return [
        READING.read_text().strip(),
        "## One of several nodes fails\n\n"
        f"Two workers each, `imagenet` on the CPU. It is noticed after {NOTICE:.0f} s, and another "
        "node answers 60 s later. *lost*: requests; *refused*: of what comes until then, in "
        "percent.\n\n" + _failures(failures),
        "## A load that rises fivefold, and an autoscaler\n\n"
        f"The load in nodes' capacities: {steps}. {LEAST} to {MOST} nodes. *refused*: in percent "
        "of all; *last*: seconds from the rise to the last refusal of it; *nodes*: the mean, those "
        "that start among them.\n\n" + _surges(surges),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _failures(found: Sequence[Failure]) -> str:
    rows = []
    for nodes, load in dict.fromkeys((each.nodes, each.load) for each in found):
        row = [f"{nodes}", f"{load:.0%}"]
        for front in FRONTS:
            [one] = [e for e in found if (e.nodes, e.load, e.front) == (nodes, load, front)]
            p99 = f"{1e3 * one.before:,.0f} → {1e3 * one.p99:,.0f}"
            row.append(f"{one.lost:,}, {100 * one.refused:.1f}, {p99}")
        rows.append(row)
    return _table(
        ["nodes", "load", *(f"{front}: lost, refused, p99 in ms" for front in FRONTS)], rows
    )


def _surges(found: Sequence[Surge]) -> str:
    rows = []
    for scaler in dict.fromkeys(each.scaler for each in found):
        row = [scaler]
        for start in STARTS:
            [one] = [e for e in found if (e.scaler, e.start) == (scaler, start)]
            row.append(
                f"{100 * one.refused:.1f}, {one.late:.0f}, {1e3 * one.p99:.0f} ms, {one.mean:.1f}"
            )
        rows.append(row)
    head = [f"{start:.0f} s to start: refused, last, p99, nodes" for start in STARTS]
    return _table(["autoscaler", *head], rows)


def _draw(found: Sequence[Surge]) -> None:
    pyplot.rcParams["svg.hashsalt"] = "fleet"  # the same picture every time
    figure, axis = pyplot.subplots(figsize=(10, 4.5))
    _load(axis)
    for each in found:
        if each.start == SHOWN:
            times = [when / 60 for when, _, _ in each.nodes]
            axis.step(times, [ready for _, ready, _ in each.nodes], where="post", label=each.scaler)
    axis.set(xlabel="minutes", ylabel="ready nodes", title=f"{SHOWN:.0f} s to start a node")
    axis.set_xlim(0, sum(seconds for seconds, _ in SURGE) / 60)
    axis.legend(fontsize=8)
    figure.set_layout_engine("constrained")
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def _load(axis: Axes) -> None:
    begun, times, loads = 0.0, [], []
    for seconds, load in SURGE:
        times += [begun / 60, (begun + seconds) / 60]
        loads += [load, load]
        begun += seconds
    axis.plot(times, loads, color="gray", linestyle=":", label="load, in nodes")
