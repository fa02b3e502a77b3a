"""Pictures that a network was trained on by somebody else, others, and what is no such picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from app.bundle import Measurement
from app.bundle.tensors import PROBABILITIES
from app.modalities import encoder_for
from training.data.dataset import Dataset
from training.data.encode import Examples, encode
from training.data.sources import warn
from training.data.split import Shares, deduplicate, split, split_calibration
from training.errors import MissingData, TrainingError
from training.measuring.evaluate import logits_of, probabilities_of
from training.measuring.reliability import AbstentionRules, CalibrationData, ood_figures
from training.outliers import gather_shown
from training.recipes.recipe import Pretrained

_SHARES = Shares(validation=20, test=20)


@dataclass(frozen=True, slots=True)
class Familiar:
    """Encoded pictures in three parts, and kinds of others; shown: None where one is missing."""

    name: str
    train: Examples
    calibration: Examples
    test: Examples
    outliers: dict[str, Examples]
    shown: list[Examples] | None

    def figures(
        self, model: bytes, network: nn.Module, rules: AbstentionRules
    ) -> list[Measurement]:
        """Return how often the graph, and torch, call them rightly, and how novel others are.

        rules: those of the manifest.
        """
        parts = (self.train, self.calibration, self.test)
        called = {
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
            for where, labels in called.items()
        ]
        if rules[1] is not None:
            figures += ood_figures(model, rules, self.test, self.outliers)
        return figures


def familiar(recipe: Pretrained, labels: tuple[str, ...]) -> Familiar | None:
    """Return the recipe's pictures; nothing, with a warning, where they are not found."""
    if recipe.pictures is None or recipe.outliers is None:
        return None
    try:
        dataset = recipe.pictures()
    except MissingData as error:
        warn(f"no novelty, for want of pictures it was trained on: {error}")
        return None
    splits = split(dataset.samples, _SHARES)
    train, calibration, test = (
        _encoded(recipe, replace(dataset, samples=part), labels)
        for part in (splits.train, splits.validation, splits.test)
    )
    kinds, encoder = (recipe.outliers, recipe.shown), encoder_for(recipe.encoder, {})
    outliers, shown = gather_shown(kinds, None, encoder, test)
    return Familiar(dataset.name, train, calibration, test, outliers, shown)


def unseen(recipe: Pretrained, labels: tuple[str, ...]) -> CalibrationData | None:
    """Return labelled pictures that it never saw; nothing, with a warning, without them."""
    why = "no label sets, for want of labelled pictures it never saw"
    found = _labelled(recipe, recipe.unseen, labels, why)
    if found is None:
        return None
    name, examples = found
    return CalibrationData(
        name, *(examples.select(part) for part in split_calibration(examples.samples))
    )


def aside(recipe: Pretrained, labels: tuple[str, ...]) -> tuple[str, Examples] | None:
    """Return the name, and labelled pictures that judge alone; nothing, and a warning, without."""
    return _labelled(recipe, recipe.aside, labels, "not measured on pictures kept aside")


def _labelled(
    recipe: Pretrained,
    load: Callable[[], Dataset] | None,
    labels: tuple[str, ...],
    why: str,
) -> tuple[str, Examples] | None:
    if load is None:
        return None
    try:
        dataset, _ = deduplicate(load())
    except MissingData as error:
        warn(f"{why}: {error}")
        return None
    return dataset.name, _encoded(recipe, dataset, labels)


def _encoded(recipe: Pretrained, dataset: Dataset, labels: tuple[str, ...]) -> Examples:
    encoder, specs = encoder_for(recipe.encoder, {}), recipe.encoder.tensors()
    examples, unreadable = encode(encoder, dataset.samples, labels, specs)
    if unreadable:
        raise TrainingError(f"{dataset.name}: {unreadable[0]}")
    return examples
