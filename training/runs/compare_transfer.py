"""The three starts on one data set: accuracy, seconds and learning curves, side by side.

Every start uses the same training and validation samples; the test samples are used once, after
that. Seeds change weights and order, not the splits.
"""

import io
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

from app.disk import replace_file, writing
from training.data.reading.read import modality
from training.errors import TrainingError
from training.fitting.curve import History
from training.measuring.evaluate import logits_of
from training.modalities import TRAINING_MODALITIES
from training.recipes.recipe import Recipe
from training.runs.fit_recipe import train_network
from training.runs.prepare import PreparedData, arrange, load
from training.transfer import FEATURES, PRETRAINED, SCRATCH, STARTS, apply_source, resolve_network

mpl.use("Agg")
from matplotlib import pyplot as plt

_LOG = logging.getLogger(__name__)
_COLOURS = {SCRATCH: "tab:gray", PRETRAINED: "tab:blue", FEATURES: "tab:orange"}
_NO_DATE = {".svg": {"Date": None}, ".png": {"Software": None}}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One training: which test samples it predicts correctly, bool (samples,), and its cost.

    seconds: processor time of everything after encoding, embeddings included. before: the share
    of it that passed before the first epoch.
    """

    correct: np.ndarray
    seconds: float
    before: float
    history: History


@dataclass(frozen=True, slots=True)
class TransferComparison:
    """The trainings by start, one for each seed, and the number of their training samples."""

    attempts: Mapping[str, Sequence[Attempt]]
    samples: int

    def table(self) -> str:
        """Return the figures in Markdown: the mean over the seeds, and their standard deviation."""
        tested = len(next(iter(self.attempts.values()))[0].correct)
        lines = [
            f"{self.samples} training samples; accuracy on {tested} test samples",
            "",
            "| start | accuracy, mean ± deviation over the seeds | seeds | processor seconds |",
            "|---|---|---|---|",
        ]
        for start, tries in self.attempts.items():
            accuracy = 100 * np.asarray([attempt.correct.mean() for attempt in tries])
            seconds = float(np.mean([attempt.seconds for attempt in tries]))
            spread = accuracy.std(ddof=1) if len(tries) > 1 else 0.0
            figure = f"{accuracy.mean():.1f} ± {spread:.1f} %"
            lines.append(f"| `{start}` | {figure} | {len(tries)} | {seconds:.1f} |")
        return "\n".join(lines)


def compare_starts(
    recipe: Recipe,
    data: Path | None,
    given: str | None,
    models: Path,
    seeds: Sequence[int],
    *,
    picture: Path | None = None,
) -> TransferComparison:
    """Train from every start with every seed, and draw the curves where asked.

    given: what `--from` names. Publishes nothing.
    """
    if picture is not None and picture.suffix not in (".svg", ".png"):
        raise TrainingError(f"{picture}: a picture is .svg or .png")
    dataset = load(recipe, data)
    loaded = replace(recipe, load=lambda _: dataset)
    attempts: dict[str, list[Attempt]] = {}
    for start in STARTS:
        started = loaded
        if start != SCRATCH:
            kind = modality(dataset, TRAINING_MODALITIES.values())
            source = resolve_network(given, kind, models)
            started = apply_source(loaded, dataset, start, source)
        prepared = arrange(started, dataset)
        for seed in seeds:
            _LOG.info("%s, seed %d", start, seed)
            attempts.setdefault(start, []).append(_attempt(replace(started, seed=seed), prepared))
    if picture is not None:
        draw(attempts, picture)
    return TransferComparison(attempts, len(prepared.train))


def _attempt(recipe: Recipe, data: PreparedData) -> Attempt:
    started, clock = time.process_time(), time.perf_counter()
    network, history = train_network(
        recipe, len(data.labels), data.train, data.validation, data.files
    )
    seconds, elapsed = time.process_time() - started, time.perf_counter() - clock
    before = 1 - min(1.0, sum(epoch.seconds for epoch in history.epochs) / elapsed)
    predicted = logits_of(network, data.test).argmax(axis=1)
    return Attempt(predicted == data.test.targets, seconds, before, history)


def draw(attempts: Mapping[str, Sequence[Attempt]], picture: Path) -> None:
    """Draw validation accuracy against processor seconds, a line for every training.

    An epoch gets the same share of the processor seconds as of the elapsed time. Feature
    extraction has no epochs: its best strength is one point, at the end.
    """
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for start, tries in attempts.items():
        for number, attempt in enumerate(tries):
            epochs = attempt.history.epochs
            accuracy = [100 * epoch.accuracy for epoch in epochs if epoch.accuracy is not None]
            if start == FEATURES:
                place, shown = [attempt.seconds], [accuracy[attempt.history.kept_epoch - 1]]
            else:
                parts = np.cumsum([epoch.seconds for epoch in epochs])
                share = attempt.before + (1 - attempt.before) * parts / parts[-1]
                place, shown = list(share * attempt.seconds), accuracy
            axes.plot(
                place,
                shown,
                marker="o",
                markersize=6 if start == FEATURES else 3,
                linewidth=1,
                alpha=0.7,
                color=_COLOURS[start],
                label=start if number == 0 else None,
            )
    axes.set(xlabel="processor seconds", ylabel="validation accuracy, %", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend()
    drawn, form = io.BytesIO(), picture.suffix
    with plt.rc_context({"svg.hashsalt": "starts"}):  # else its ids differ from run to run
        figure.savefig(drawn, format=form[1:], dpi=110, metadata=_NO_DATE[form])
    plt.close(figure)
    with writing("the diagram", picture.parent, "name another file with --picture"):
        replace_file(picture, drawn.getvalue())
