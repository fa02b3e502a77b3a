"""In-distribution, held-out and out-of-distribution pictures for a pretrained network.

Somebody else trained the network, so these pictures are found, not split off its training data.
Where they are not found, there is a warning, and what they would set or measure is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from app.bundle import Measurement
from app.bundle.tensors import PROBABILITIES
from app.modalities import encoder_for
from training.data.dataset import Dataset
from training.data.duplicates import deduplicate
from training.data.encode import Examples, encode
from training.data.sources import warn
from training.data.split import Shares, split, split_calibration
from training.errors import MissingData, TrainingError
from training.measuring.evaluate import logits_of, probabilities_of
from training.measuring.reliability import AbstentionRules, CalibrationData, ood_figures
from training.outliers import SplitOutliers, gather_split
from training.recipes.recipe import Pretrained

_SHARES = Shares(validation=20, test=20, rule=1)


@dataclass(frozen=True, slots=True)
class InDistribution:
    """Encoded pictures like the training data in three parts, and outliers of several kinds."""

    name: str
    train: Examples
    calibration: Examples
    test: Examples
    outliers: SplitOutliers

    def figures(
        self, model: bytes, network: nn.Module, rules: AbstentionRules
    ) -> list[Measurement]:
        """Return the accuracy of the graph and of torch, and the novelty of the outliers.

        rules: those of the manifest.
        """
        parts = (self.train, self.calibration, self.test)
        predicted = {
            "": [probabilities_of(model, part, PROBABILITIES).argmax(1) for part in parts],
            ", in torch": [logits_of(network, part).argmax(1) for part in parts],
        }
        targets = np.concatenate([part.targets for part in parts])
        figures = [
            Measurement(
                name=f"accuracy on pictures that it may have learnt{where}",
                value=float((np.concatenate(labels) == targets).mean()),
                split=self.name,
                samples=len(targets),
            )
            for where, labels in predicted.items()
        ]
        if rules.novelty is not None:
            figures += ood_figures(model, rules, self.test, self.outliers.evaluation)
        return figures


@dataclass(frozen=True, slots=True)
class NamedExamples:
    """Labelled, encoded pictures, and the name of their data set."""

    name: str
    examples: Examples


def in_distribution(recipe: Pretrained, labels: tuple[str, ...]) -> InDistribution | None:
    """Return pictures like the training data; None, with a warning, where they are not found."""
    if recipe.in_distribution is None or recipe.outliers is None:
        return None
    try:
        dataset = recipe.in_distribution()
    except MissingData as error:
        warn(f"no novelty, for want of pictures it was trained on: {error}")
        return None
    splits = split(dataset.samples, _SHARES)
    train, calibration, test = (
        _encoded(recipe, replace(dataset, samples=part), labels)
        for part in (splits.train, splits.validation, splits.test)
    )
    encoder = encoder_for(recipe.encoder, {})
    outliers = gather_split(recipe.outliers, recipe.train_outliers, None, encoder, test)
    return InDistribution(dataset.name, train, calibration, test, outliers)


def calibration_set(recipe: Pretrained, labels: tuple[str, ...]) -> CalibrationData | None:
    """Return labelled pictures that the network never saw; None, with a warning, without them."""
    why = "no label sets, for want of labelled pictures it never saw"
    found = _labelled(recipe, recipe.calibration_set, labels, why)
    if found is None:
        return None
    parts = split_calibration(found.examples.samples, _SHARES.rule)
    return CalibrationData(found.name, *(found.examples.select(part) for part in parts))


def held_out(recipe: Pretrained, labels: tuple[str, ...]) -> NamedExamples | None:
    """Return labelled pictures that are tested only; None, with a warning, without them."""
    return _labelled(recipe, recipe.held_out, labels, "not measured on pictures kept aside")


def _labelled(
    recipe: Pretrained,
    load: Callable[[], Dataset] | None,
    labels: tuple[str, ...],
    why: str,
) -> NamedExamples | None:
    if load is None:
        return None
    try:
        dataset, _ = deduplicate(load())
    except MissingData as error:
        warn(f"{why}: {error}")
        return None
    return NamedExamples(dataset.name, _encoded(recipe, dataset, labels))


def _encoded(recipe: Pretrained, dataset: Dataset, labels: tuple[str, ...]) -> Examples:
    encoder, specs = encoder_for(recipe.encoder, {}), recipe.encoder.tensors()
    examples, unreadable = encode(encoder, dataset.samples, labels, specs)
    if unreadable:
        raise TrainingError(f"{dataset.name}: {unreadable[0]}")
    return examples
