"""The diagrams of a card: learning curve, confusion matrix, reliability; PNG, always the same."""

import io
import warnings
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from training.exporting.card.data import ReliabilityBins
from training.fitting.curve import History

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MOST_LABELS = 40  # with more labels a confusion matrix is illegible
_BLUE = "#3b6ea5"
_Z = 1.96  # standard deviations of a 95 % interval


def draw_curve(history: History) -> bytes:
    """Return a PNG of the losses, and of the accuracy where the objective has one."""
    accuracies = [100 * e.accuracy for e in history.epochs if e.accuracy is not None]
    count = 2 if accuracies else 1
    figure, panels = plt.subplots(
        1, count, figsize=(4.5 * count, 3.2), layout="constrained", squeeze=False
    )
    left, *others = panels[0]
    numbers = [epoch.number for epoch in history.epochs]
    left.plot(numbers, [e.train_loss for e in history.epochs], label="training")
    left.plot(numbers, [e.validation_loss for e in history.epochs], label="validation")
    left.set(xlabel="epoch", ylabel="cross-entropy")
    left.legend()
    for right in others:
        right.plot(numbers, accuracies, color="tab:green")
        right.set(xlabel="epoch", ylabel="validation accuracy, %")
    for axes in (left, *others):
        axes.axvline(history.kept_epoch, color="gray", linewidth=0.8, linestyle=":")
        axes.grid(alpha=0.3)
    return figure_png(figure)


def draw_confusion(confusion: np.ndarray, labels: Sequence[str]) -> bytes:
    """Return a PNG of a confusion matrix, int (labels, labels); a row is the true label."""
    size = 2.5 + 0.32 * len(labels)
    figure, axes = plt.subplots(figsize=(size, size), layout="constrained")
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(float(shares.max(initial=0)), 1e-9))
    axes.set_xticks(range(len(labels)), labels, rotation=90, parse_math=False)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set(xlabel="predicted label", ylabel="true label")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        shade = "white" if shares[row, column] > 0.5 * shares.max() else "black"
        text = str(confusion[row, column])
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=7)
    return figure_png(figure)


def draw_reliability(bins: ReliabilityBins) -> bytes:
    """Return a PNG: accuracy over mean confidence of each bin, its 95 % interval, and counts."""
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(4.6, 5.2), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    edges, counts = np.asarray(bins.edges), np.asarray(bins.counts)
    full = counts > 0
    accuracy, confidence = np.asarray(bins.accuracy)[full], np.asarray(bins.confidence)[full]
    upper.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1, label="perfect")
    low, high = wilson(accuracy, counts[full])
    upper.errorbar(
        confidence,
        accuracy,
        yerr=np.maximum([accuracy - low, high - accuracy], 0),
        fmt="o",
        color=_BLUE,
        ecolor="#9db8d6",
        markersize=5,
        capsize=2,
        label="bin, 95 % interval",
    )
    upper.set(ylabel="share of correct answers", xlim=(0, 1), ylim=(0, 1.03))
    upper.legend(loc="upper left", fontsize=8)
    _draw_counts(lower, edges, counts)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return figure_png(figure)


def _draw_counts(axes: Axes, edges: np.ndarray, counts: np.ndarray) -> None:
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=_BLUE, alpha=0.7)
    axes.set(xlabel="confidence: probability of the answer", ylabel="samples")
    axes.set_yscale("log")
    axes.set_ylim(0.7, 6 * max(int(counts.max(initial=1)), 1))
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            middle = (left + right) / 2
            axes.text(middle, 1.15 * count, str(count), ha="center", va="bottom", fontsize=6.5)


def wilson(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of each share of so many samples, by Wilson's score."""
    spread = _Z**2 / counts
    centre = (shares + spread / 2) / (1 + spread)
    half = _Z * np.sqrt(shares * (1 - shares) / counts + spread / (4 * counts)) / (1 + spread)
    return centre - half, centre + half


def figure_png(figure: Figure, dpi: int = 90) -> bytes:
    """Return a figure as a PNG file, and close it."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in another script
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
