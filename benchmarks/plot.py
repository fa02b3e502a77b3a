"""Throughput and tail latency over the number of clients, as an SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from benchmarks.comparison import CLIENTS, Comparison
from benchmarks.goals import OWN

matplotlib.use("svg")
from matplotlib import pyplot


def draw(comparisons: Sequence[Comparison], names: Mapping[str, str], path: Path) -> None:
    """Write one row of two panels a model; `names` are their titles."""
    size = (11, 4.2 * len(comparisons))
    figure, axes = pyplot.subplots(len(comparisons), 2, figsize=size, squeeze=False)
    for (left, right), comparison in zip(axes, comparisons, strict=True):
        for name in comparison.turns:
            own = name == OWN
            style = {
                "linewidth": 3.0 if own else 1.2,
                "marker": "o",
                "markersize": 3.0,
                "zorder": 2 + own,
            }
            if own:
                style["color"] = "black"
            shares = [comparison.share(name, clients) for clients in CLIENTS]
            left.plot(CLIENTS, shares, label=name, **style)
            right.plot(CLIENTS, [1000 * comparison.p99(name, c) for c in CLIENTS], **style)
        left.axhline(1, color="gray", linestyle=":")
        left.set(
            title=names[comparison.model], ylabel="share of the in-process limit", ylim=(0, None)
        )
        right.set(title="99th percentile", ylabel="ms", yscale="log")
        for axis in (left, right):
            axis.set(xlabel="clients", xscale="log", xticks=CLIENTS, xticklabels=CLIENTS)
            axis.minorticks_off()
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.set_layout_engine("constrained")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
