"""A recipe's accuracy on groups (speakers) that it never saw: each is held out in turn."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.bundle import Measurement
from training.data.dataset import TRAIN
from training.data.encode import Examples
from training.data.sources import warn
from training.measuring.evaluate import evaluate, logits_of
from training.recipes.recipe import Recipe
from training.runs.findings import Findings
from training.runs.fit_recipe import train_network
from training.runs.prepare import PreparedData

_LOG = logging.getLogger(__name__)


def leave_one_out(recipe: Recipe, data: PreparedData) -> Findings:
    """Train once per group without it, and test on all of it; nothing with a single group.

    Nothing of the held-out group is trained on or chosen by: early stopping looks at the
    other groups' validation samples. Of an ensemble one member is trained.
    """
    word = recipe.leave_one_out
    alone = replace(recipe, network=recipe.member or recipe.network)
    everything = _join([data.train, data.validation, data.test])
    figures, rows = [], []
    for group in sorted({s.group for s in everything.samples if s.fixed != TRAIN}):
        parts = (_select(part, group, keep=False) for part in (data.train, data.validation))
        rest, selection = parts
        if not (len(rest) and len(selection)):
            warn(f"without {word} {group} nothing is left to train on or to choose by; skipped")
            continue
        _LOG.info("without %s %s:", word, group)
        network, _ = train_network(alone, len(data.labels), rest, selection, data.files)
        held_out = _select(everything, group, keep=True)
        report = evaluate(logits_of(network, held_out), held_out)
        _LOG.info("%s %s, held out: %.1f %%", word, group, 100 * report.accuracy)
        split = f"{word} {group} held out"
        figures.append(
            Measurement(name="accuracy", value=report.accuracy, split=split, samples=report.count)
        )
        rows.append(f"| {group} | {100 * report.accuracy:.1f} % | {report.count} |")
    trained = "Trained" if recipe.member is None else "One member of the network, trained"
    return _summary(str(word), trained, figures, rows) if figures else Findings()


def _summary(word: str, trained: str, figures: list[Measurement], rows: list[str]) -> Findings:
    mean = float(np.mean([figure.value for figure in figures]))
    total = sum(figure.samples for figure in figures)
    overall = Measurement(
        name=f"accuracy, leave one {word} out, mean",
        value=mean,
        split=f"{len(rows)} trainings",
        samples=total,
    )
    table = "\n".join([f"| {word} | accuracy | samples |", "|---|---|---|", *rows])
    text = (
        f"## Leave one {word} out\n\n{trained} without one {word} and tested on that {word}: "
        f"{100 * mean:.1f} % on average."
    )
    return Findings((overall, *figures), (f"{text}\n\n{table}",))


def _select(examples: Examples, group: str, *, keep: bool) -> Examples:
    chosen = [i for i, sample in enumerate(examples.samples) if (sample.group == group) == keep]
    return examples.select(chosen)


def _join(parts: Sequence[Examples]) -> Examples:
    return Examples(
        [item for part in parts for item in part.items],
        np.concatenate([part.targets for part in parts]),
        [sample for part in parts for sample in part.samples],
        parts[0].inputs,
    )
