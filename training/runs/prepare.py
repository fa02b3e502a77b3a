"""A recipe's data: loaded, deduplicated, split and encoded, the same for every kind of run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.bundle import EncoderSpec
from app.bundle.tensors import is_forest
from training.data.dataset import Dataset
from training.data.duplicates import deduplicate
from training.data.encode import Examples, encode, root_node_targets
from training.data.leaks import without_leaks
from training.data.sources import warn, warn_each
from training.data.split import Splits, check_classes, split
from training.data.split_check import check_parts, groups_note
from training.errors import BadData
from training.modalities import TRAINING_MODALITIES, TrainingModalities, TrainingModality
from training.recipes.recipe import Recipe

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A data set, checked, split and encoded. `splits` has the samples that were encoded."""

    dataset: Dataset
    splits: Splits
    labels: tuple[str, ...]
    modality: TrainingModality
    encoder: EncoderSpec
    files: dict[str, bytes]
    train: Examples
    validation: Examples
    test: Examples

    def counts(self) -> dict[str, int]:
        """Return the number of samples of each split, and of those that cannot be read."""
        return {**self.splits.counts(), "unreadable": len(self.dataset.unreadable)}


def prepare(
    recipe: Recipe, data: Path | None, modalities: TrainingModalities = TRAINING_MODALITIES
) -> PreparedData:
    """Load, deduplicate, split and encode; warn of what is dropped; raise `BadData`."""
    return arrange(recipe, recipe.loaded or load(recipe, data), modalities)


def load(recipe: Recipe, data: Path | None) -> Dataset:
    """Load and deduplicate; warn of what is dropped; raise `BadData`."""
    dataset, remarks = deduplicate(recipe.load(data))
    warn_each(remarks)
    try:
        warn_each([*check_classes(dataset), *check_parts(dataset, recipe.shares)])
    except BadData:
        _warn_unusable(dataset.unreadable)  # else nobody knows why a label has too few samples
        raise
    return dataset


def arrange(
    recipe: Recipe, dataset: Dataset, modalities: TrainingModalities = TRAINING_MODALITIES
) -> PreparedData:
    """Split by the recipe's shares and encode; warn of what is dropped; raise `BadData`."""
    labels = recipe.labels or tuple(sorted(dataset.counts()))
    splits = split(dataset.samples, recipe.shares)
    if recipe.variants is not None:
        more = [variant for sample in splits.train for variant in recipe.variants(sample)]
        splits = replace(splits, train=[*splits.train, *more])
    spec, files = recipe.prepare(splits.train)
    modality, specs = modalities[spec.kind], spec.tensors()
    encoder = modality.encoder(spec, files)
    encoded, unreadable = [], list(dataset.unreadable)
    for part in (splits.train, splits.validation, splits.test):
        examples, lost = encode(encoder, part, labels, specs)
        encoded.append(examples)
        unreadable += lost
    report(dataset, splits, unreadable)
    if recipe.shares.rule != 1:
        encoded, leaks = without_leaks(*encoded)
        warn_each(leaks)
    if min(len(examples) for examples in encoded) == 0:
        raise BadData(
            f"{dataset.name}: too few readable samples for three splits"
            f"{groups_note(dataset.samples)}"
        )
    for index, label in enumerate(labels):
        if not (encoded[0].targets == index).any():
            raise BadData(f"{dataset.name}: no readable training sample of {label!r}")
    encoded[0] = with_node_targets(recipe, encoded[0])
    dataset = replace(dataset, unreadable=unreadable)
    train, validation, test = (examples.samples for examples in encoded)
    splits = Splits(train, validation, test, splits.pinned)
    return PreparedData(dataset, splits, labels, modality, spec, files, *encoded)


def with_node_targets(recipe: Recipe, examples: Examples) -> Examples:
    """Return the examples with the targets of their trees' nodes, at least those of the roots."""
    node_targets: Sequence[np.ndarray] = ()
    if recipe.make_node_targets is not None:
        pairs = zip(examples.samples, examples.items, strict=True)
        node_targets = [recipe.make_node_targets(sample, arrays) for sample, arrays in pairs]
    elif is_forest(examples.inputs):
        node_targets = root_node_targets(examples)
    return replace(examples, node_targets=node_targets)


def report(dataset: Dataset, splits: Splits, unreadable: Sequence[str]) -> None:
    """Log the number of labels and the sizes of the splits; warn of what cannot be used."""
    counts = ", ".join(f"{count} {part}" for part, count in splits.counts().items())
    _LOG.info("%s: %d labels, %s", dataset.name, len(dataset.counts()), counts)
    _warn_unusable(unreadable)


def _warn_unusable(lines: Sequence[str]) -> None:
    """Warn of the files and rows that hold no sample, with the reasons."""
    if lines:
        warn(f"{len(lines)} file(s) or row(s) cannot be used:")
        warn_each([f"  {line}" for line in lines])
