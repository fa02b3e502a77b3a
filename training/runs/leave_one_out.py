"""How a recipe does on groups (speakers) it has never met: each is held out in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.bundle import Measurement
from training.data.encode import Examples
from training.data.sources import warn
from training.data.split import TRAIN
from training.measuring.evaluate import evaluate, logits_of
from training.recipes.recipe import Recipe
from training.runs.fit_recipe import train_network


def leave_one_out(
    recipe: Recipe,
    parts: Sequence[Examples],
    labels: tuple[str, ...],
    files: Mapping[str, bytes],
) -> tuple[list[Measurement], str]:
    """Train once per group without it, test on all of it; return figures and a card section.

    Nothing of the held-out group is trained on or chosen by: early stopping looks at the
    other groups' validation samples. Of an ensemble one member is trained. parts: the splits for
    training, validation and test.
    """
    word = recipe.leave_one_out
    alone = replace(recipe, network=recipe.member or recipe.network)
    train, validation, _ = parts
    everything = _join(parts)
    figures, rows = [], []
    for group in sorted({s.group for s in everything.samples if s.fixed != TRAIN}):
        rest, selection = (_select(part, group, keep=False) for part in (train, validation))
        if not (len(rest) and len(selection)):
            warn(f"without {word} {group} nothing is left to train on or to choose by; skipped")
            continue
        print(f"without {word} {group}:")
        network, _ = train_network(alone, len(labels), rest, selection, files)
        strangers = _select(everything, group, keep=True)
        report = evaluate(logits_of(network, strangers), strangers)
        print(f"{word} {group}, never heard: {100 * report.accuracy:.1f} %")
        split = f"{word} {group} held out"
        figures.append(
            Measurement(name="accuracy", value=report.accuracy, split=split, samples=report.count)
        )
        rows.append(f"| {group} | {100 * report.accuracy:.1f} % | {report.count} |")
    trained = "Trained" if recipe.member is None else "One member of the network, trained"
    return _summary(str(word), trained, figures, rows) if figures else ([], "")


def _summary(
    word: str, trained: str, figures: list[Measurement], rows: list[str]
) -> tuple[list[Measurement], str]:
    mean = float(np.mean([figure.value for figure in figures]))
    total = sum(figure.samples for figure in figures)
    overall = Measurement(
        name=f"accuracy, leave one {word} out, mean",
        value=mean,
        split=f"{len(rows)} trainings",
        samples=total,
    )
    table = "\n".join([f"| {word} | accuracy | samples |", "|---|---|---|", *rows])
    text = f"## Strangers\n\n{trained} without one {word}, tested on it; mean {100 * mean:.1f} %."
    return [overall, *figures], f"{text}\n\n{table}"


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
