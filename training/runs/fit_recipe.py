"""A recipe and its samples → a trained network; one way for every figure that is told."""

from collections.abc import Mapping

import torch
from torch import nn

from training.data.encode import Examples
from training.fitting.fit import History, fit
from training.recipes.recipe import Recipe


def train_network(
    recipe: Recipe,
    labels: int,
    examples: Examples,
    validation: Examples,
    files: Mapping[str, bytes],
) -> tuple[nn.Module, History]:
    """Return the recipe's network for so many labels, fitted, and its learning curve.

    files: the bundle's, which tell a network what it starts from.
    """
    torch.manual_seed(recipe.seed)
    network = recipe.network(labels)
    if recipe.start is not None:
        recipe.start(network, files)
    history = (recipe.learn or _learn)(network, examples, validation, recipe)
    if recipe.finish is not None:
        recipe.finish(network)
    return network, history


def _learn(network: nn.Module, examples: Examples, validation: Examples, recipe: Recipe) -> History:
    """All of it, from the start that the recipe gives."""
    return fit(
        network,
        examples,
        validation,
        recipe.schedule,
        seed=recipe.seed,
        augment=recipe.augment,
    )
