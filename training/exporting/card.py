"""The model card: description, data, figures, learning curve and confusion matrix of a model."""

import io
import warnings
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from app.bundle import Manifest, Provenance
from training.fitting.curve import History

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

CURVE, CONFUSION, CARD = "learning-curve.png", "confusion.png", "README.md"
MOST_LABELS = 40  # with more labels a confusion matrix is illegible


def card_images(history: History, confusion: np.ndarray, labels: Sequence[str]) -> dict[str, bytes]:
    """Return the card's images, PNG, by file name."""
    files = {CURVE: draw_curve(history)}
    if len(labels) <= MOST_LABELS:
        files[CONFUSION] = draw_confusion(confusion, labels)
    return files


def card(manifest: Manifest, sections: Sequence[str], images: Sequence[str]) -> bytes:
    """Return the card in Markdown; `sections` and `images` follow the table of figures."""
    origin = manifest.provenance
    lines = [
        f"# {manifest.name}",
        "",
        manifest.description,
        "",
        "| | |",
        "|---|---|",
        *([f"| labels | {_some(manifest.labels)} |"] if manifest.labels else []),
        f"| data | {origin.data} ({origin.data_licence}), {origin.data_source} |",
        *([f"| samples | {_counts(origin.splits)} |"] if origin.splits else []),
        f"| made by | `{_command(origin)}`, seed {origin.seed}, {origin.code} |",
        f"| licence of the weights | {manifest.licence} |",
        *([f"| temperature | {manifest.temperature:.3f} |"] if manifest.labels else []),
        *_abstention_rows(manifest),
        "",
        "## Measured",
        "",
        "| figure | value | on | samples |",
        "|---|---|---|---|",
        *(f"| {m.name} | {_figure(m.value)} | {m.split} | {m.samples} |" for m in manifest.metrics),
        "",
        *(f"{section}\n" for section in sections),
        *(f"![{name.removesuffix('.png')}]({name})\n" for name in images),
    ]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _command(origin: Provenance) -> str:
    """Return the command that made the bundle."""
    what = origin.recipe if origin.data_path is None else f"--data {origin.data_path}"
    start = f" --start {origin.start} --from {origin.source}" if origin.source else ""
    return f"thalamus-train run {what}{start}"


def _abstention_rows(manifest: Manifest) -> list[str]:
    """Return the rows on prediction sets and novelty, where the model has them."""
    rows = []
    if sets := manifest.conformal:
        rows.append(
            f"| label set | {100 * sets.coverage:g} %, split conformal ({sets.method.upper()}): "
            f"every label of a probability from {sets.threshold:.4g} on, perhaps none; set on "
            f"{sets.samples} held-out samples that chose neither the epoch nor the temperature |"
        )
    if novelty := manifest.novelty:
        data = " and training outliers" if novelty.method == "outlier-exposure" else " alone"
        rows.append(
            f"| novelty | {novelty.method}, fitted to the training split{data}; from "
            f"{novelty.threshold:g} on the answer is abstained, as it is for "
            f"{100 * (1 - novelty.kept):.2g} % of {novelty.samples} held-out samples |"
        )
    return rows


def cost_section(history: History) -> str:
    """Return the section on the duration of the training."""
    seconds = [epoch.seconds for epoch in history.epochs]
    return (
        f"## Cost\n\n{len(seconds)} epochs, {np.mean(seconds):.1f} s each, "
        f"{sum(seconds):.0f} s in all; the weights are those of epoch {history.kept_epoch}."
    )


def _counts(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {part}" for part, count in splits.items())


def _figure(value: float) -> str:
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:12]).replace("|", "\\|").replace("\n", " ")
    return shown if len(labels) <= 12 else f"{shown}, … ({len(labels)} in all)"


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
    return _png(figure)


def draw_confusion(confusion: np.ndarray, labels: Sequence[str]) -> bytes:
    """Return a PNG of a confusion matrix, int (labels, labels); a row is the true label."""
    size = 2.5 + 0.32 * len(labels)
    figure, axes = plt.subplots(figsize=(size, size), layout="constrained")
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, parse_math=False)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set(xlabel="predicted label", ylabel="true label")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        text = str(confusion[row, column])
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=7)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in another script
        figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
