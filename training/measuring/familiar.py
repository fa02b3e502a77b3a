"""Pictures such as a network was trained on by somebody else, and what is unlike them."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from app.bundle import Measurement, NoveltyScore
from app.inputs import encoder_for
from training.data.encode import Examples, encode
from training.data.sources import warn
from training.data.split import Shares, split
from training.errors import MissingData, TrainingError
from training.exporting.export import OUTPUT
from training.measuring.evaluate import logits_of, probabilities_of
from training.measuring.trust import unlike
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
        self, model: bytes, network: nn.Module, score: NoveltyScore | None
    ) -> list[Measurement]:
        """Return how often the graph, and torch, call them rightly, and how novel others are."""
        parts = (self.train, self.calibration, self.test)
        called = {
            "": [probabilities_of(model, part, OUTPUT).argmax(1) for part in parts],
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
        if score is not None:
            figures += unlike(model, (None, score), self.test, self.outliers)
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
    splits, encoder = split(dataset.samples, _SHARES), encoder_for(recipe.encoder, {})
    parts = []
    for part in (splits.train, splits.validation, splits.test):
        examples, unreadable = encode(encoder, part, labels, recipe.encoder.tensors())
        if unreadable:
            raise TrainingError(f"{dataset.name}: {unreadable[0]}")
        parts.append(examples)
    train, calibration, test = parts
    outliers, shown = gather_shown((recipe.outliers, recipe.shown), None, encoder, test)
    return Familiar(dataset.name, train, calibration, test, outliers, shown)
