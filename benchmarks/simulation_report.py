"""Writes the simulation's results to docs/simulation.md and docs/simulation.svg."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from benchmarks.findings import (
    BALANCED,
    DEFAULT,
    GPUS,
    LOADS,
    NODES,
    OWN,
    Bounded,
    Figures,
    Findings,
    Spread,
)

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

ROOT = Path(__file__).parent.parent
DOCUMENT, PLOT = ROOT / "docs/simulation.md", ROOT / "docs/simulation.svg"
READING = Path(__file__).with_name("simulation.md")  # a person's text about it


def write(
    found: Sequence[Findings], node: Mapping[str, Spread], fleet: Spread, more: Sequence[str]
) -> None:
    """Write the document and its picture. more: sections to follow."""
    sections = [READING.read_text().strip()]
    sections += [
        f"## One {f.curve.name}\n\n{_source(f)}\n\n{_shares(f)}\n\n{_loads(f)}" for f in found
    ]
    sections += [f"## {GPUS} GPUs in a node: {n}\n\n{_spread(s)}" for n, s in node.items()]
    sections.append(f"## {NODES} nodes of {GPUS} T4\n\n{_spread(fleet)}")
    DOCUMENT.write_text("\n\n".join([*sections, *more]) + "\n")
    _draw(found, node, fleet)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}" if seconds > 0.0995 else f"{1000 * seconds:.3g}"


def _source(found: Findings) -> str:
    seconds = found.curve.seconds()
    points = ", ".join(
        f"{size}: {_ms(seconds[size])}" for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    )
    return (
        f"Curve: {found.curve.source}\n\nMilliseconds by batch: {points}. In batches of at most "
        f"{DEFAULT} it does {found.capacity:,.0f} items a second: 100 % below."
    )


def _shares(found: Findings) -> str:
    head = ["99 % within", *(f"{_ms(b.limit)} ms" for b in found.bounded)]
    rows = [
        ["ceiling, items/s", *(f"{b.ceiling:,.0f}" for b in found.bounded)],
        ["**optimum**, items/s", *(f"{b.optimum:,.0f}" for b in found.bounded)],
        ["clairvoyant, nobody late", *(_share(b, b.clairvoyant) for b in found.bounded)],
    ]
    for name in found.bounded[0].policies:
        label = f"**{name}**" if name == OWN else name
        rows.append([label, *(_share(b, b.policies[name]) for b in found.bounded)])
    for name in found.bounded[0].bursts:
        rows.append([f"{name}, in bursts", *(_share(b, b.bursts[name]) for b in found.bounded)])
    return _table(head, rows)


def _share(bounded: Bounded, rate: float) -> str:
    return f"{rate / bounded.optimum:.2f}" if bounded.optimum else "–"


def _loads(found: Findings) -> str:
    names = [name for name in found.loads if name != OWN]
    head = [
        "load",
        "items/s",
        "mean",
        "p50",
        "p99",
        "batch",
        *(f"{n}: mean, p99, batch" for n in names),
    ]
    rows = []
    for place, load in enumerate(LOADS):
        own = found.loads[OWN][place]
        others = (found.loads[name][place] for name in names)
        row = [f"{load:.0%}", f"{own.rate:,.0f}", _ms(own.mean), _ms(own.p50), _ms(own.p99)]
        rows.append([*row, f"{own.batch:.1f}", *(_brief(other) for other in others)])
    return f"{OWN}; latencies in milliseconds, batches in items:\n\n{_table(head, rows)}"


def _brief(found: Figures) -> str:
    return f"{_ms(found.mean)}, {_ms(found.p99)}, {found.batch:.1f}" if found.stable else "too slow"


def _spread(found: Spread) -> str:
    head = ["p99, ms, at a load of", *(f"{load:.0%}" for load in BALANCED)]
    rows = [[name, *(_ms(f.p99) for f in over)] for name, over in found.items()]
    rate = ["items/s", *(f"{f.offered:,.0f}" for f in next(iter(found.values())))]
    return _table(head, [*rows, rate])


def _draw(found: Sequence[Findings], node: Mapping[str, Spread], fleet: Spread) -> None:
    pyplot.rcParams["svg.hashsalt"] = "simulation"  # the same picture every time
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7.5))
    for axis, findings in zip(axes[0], found, strict=False):  # the last is no hardware
        over = {n: [f if f.stable else None for f in fs] for n, fs in findings.loads.items()}
        _panel(axis, f"one {findings.curve.name}", LOADS, over)
    for axis, (name, spread) in zip(axes[1], node.items(), strict=False):
        _panel(axis, f"{GPUS} × {name}", BALANCED, spread)
    _panel(axes[1][2], f"{NODES} nodes of {GPUS} T4", BALANCED, fleet)
    figure.set_layout_engine("constrained")
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def _panel(
    axis: Axes, title: str, loads: Sequence[float], over: Mapping[str, Sequence[Figures | None]]
) -> None:
    for name, figures in over.items():
        own = name == OWN
        heights = [1000 * f.p99 if f else float("nan") for f in figures]
        width, colour = (3.0, "black") if own else (1.4, None)
        axis.plot(
            [100 * load for load in loads], heights, label=name, linewidth=width, color=colour
        )
    axis.set(title=title, xlabel="load, %", ylabel="p99, ms", yscale="log")
    axis.yaxis.set_major_formatter(LogFormatter())
    axis.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
    axis.legend(fontsize=8)
