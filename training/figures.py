"""Figures that are told of one kind of model, measured on the exported graph."""

import numpy as np

from app.bundle import Measurement
from app.inputs import Encoder
from training.data.encode import Examples
from training.evaluate import probabilities_of
from training.export import OUTPUT


def long_trees(model: bytes, test: Examples, _: Encoder, *, least: int) -> list[Measurement]:
    """Return the accuracy on the trees of at least so many leaves, if there are any."""
    chosen = np.flatnonzero(np.asarray([len(item["tokens"]) for item in test.items]) >= least)
    if not len(chosen):
        return []
    trees = test.select(chosen.tolist())
    right = probabilities_of(model, trees, OUTPUT).argmax(1) == trees.targets
    name = f"accuracy, trees of {least} tokens and more"
    return [Measurement(name=name, value=float(right.mean()), split="test", samples=len(trees))]
