"""What is run for each task: the one place that joins recipes to runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.bundle import EncoderSpec
from training.data.dataset import FIXED, SampleTable
from training.data.split import split
from training.data.split_check import count_groups
from training.errors import TrainingError
from training.exporting.graph import kept_order
from training.exporting.known_outputs import known_outputs
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.recipes import AnyRecipe, Language, Pretrained, Recipe
from training.runs.autoencoder import train_autoencoder
from training.runs.classifier import train_classifier
from training.runs.honesty import suspect_lines
from training.runs.language_model import read_documents, train_language_model
from training.runs.prepare import arrange, load, report
from training.runs.pretrained import export_pretrained
from training.runs.serving_decision import PublishPolicy


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a run would train on: the number of samples by label, and the encoder.

    suspected: lines on labels that are probably wrong.
    parts: the number of samples that their authors put in each part. groups: the number of groups.
    """

    encoder: EncoderSpec
    counts: Mapping[str, int] = field(default_factory=dict)
    suspected: Sequence[str] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    groups: int = 0


def _inspect_samples(
    recipe: Recipe, data: Path | None, modalities: TrainingModalities, deep: bool
) -> Inspection:
    dataset = load(recipe, data)
    if deep or not isinstance(dataset.samples, SampleTable):
        prepared = arrange(recipe, dataset, modalities)
        suspected = suspect_lines(prepared) if deep else ()
        return Inspection(prepared.encoder, prepared.dataset.counts(), suspected)
    # Reading has decoded every sample already, and kept none.
    splits = split(dataset.samples, recipe.shares)
    report(dataset, splits, dataset.unreadable)
    table, (encoder, _) = dataset.samples, recipe.prepare(splits.train)
    named = zip(FIXED, np.bincount(table.fixed, minlength=len(FIXED)).tolist(), strict=True)
    parts = {part: count for part, count in named if part is not None and count}
    return Inspection(encoder, dataset.counts(), (), parts, count_groups(table))


def _inspect_documents(
    recipe: Language, data: Path | None, _: TrainingModalities, deep: bool
) -> Inspection:
    if deep:
        raise TrainingError(f"--deep: {recipe.name} learns without labels")
    return Inspection(read_documents(recipe, data).encoder.spec)


def _inspect_nothing(
    recipe: Pretrained, data: Path | None, _: TrainingModalities, deep: bool
) -> Inspection:
    raise TrainingError(f"{recipe.name} comes trained; there is no data to inspect")


def _classify(
    recipe: Recipe,
    data: Path | None,
    models: Path,
    modalities: TrainingModalities,
    policy: PublishPolicy,
) -> Path | None:
    with kept_order(recipe.kept_order), known_outputs():
        return train_classifier(recipe, data, models, modalities, policy)


def _complete(
    recipe: Language,
    data: Path | None,
    models: Path,
    _: TrainingModalities,
    policy: PublishPolicy,
) -> Path | None:
    return train_language_model(recipe, data, models, policy)  # on the recipe's documents alone


def _export(
    recipe: Pretrained,
    data: Path | None,
    models: Path,
    modalities: TrainingModalities,
    policy: PublishPolicy,
) -> Path:
    return export_pretrained(recipe, models, modalities, policy)  # from its own weights


_Run = Callable[[Any, Path | None, Path, TrainingModalities, PublishPolicy], Path | None]
_Inspect = Callable[[Any, Path | None, TrainingModalities, bool], Inspection]


# By a recipe's task: trains or exports, publishes under `models`, and returns the bundle's folder;
# None in a rank that does not lead. The type of the recipe goes with the task.
RUNS: dict[str, _Run] = {
    "classify": _classify,
    "reconstruct": train_autoencoder,
    "complete": _complete,
    "export": _export,
}
# By a recipe's task: reads the data, and trains nothing.
_INSPECTIONS: dict[str, _Inspect] = {
    "classify": _inspect_samples,
    "reconstruct": _inspect_samples,
    "complete": _inspect_documents,
    "export": _inspect_nothing,
}


def run(
    recipe: AnyRecipe,
    data: Path | None,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    policy: PublishPolicy = "if-better",
) -> Path | None:
    """Run a recipe by its task; see `RUNS`. policy: whether the new version serves at once."""
    return RUNS[recipe.task](recipe, data, models, modalities, policy)


def inspect(
    recipe: AnyRecipe,
    data: Path | None,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    *,
    deep: bool = False,
) -> Inspection:
    """Return what a run of the recipe would train on; raise `TrainingError` or `BadData`.

    deep: also look for labels that are probably wrong.
    """
    return _INSPECTIONS[recipe.task](recipe, data, modalities, deep)
