"""A recipe and its samples → a trained network, the same way for every figure."""

from collections.abc import Mapping

import torch
from torch import nn

from training.data.encode import Examples
from training.fitting.curve import History
from training.fitting.fit import fit
from training.recipes.recipe import Recipe


def train_network(
    recipe: Recipe,
    labels: int,
    examples: Examples,
    validation: Examples,
    files: Mapping[str, bytes],
) -> tuple[nn.Module, History]:
    """Return the recipe's network for this number of labels, fitted, and its learning curve.

    files: the bundle's, from which the recipe initialises the network.
    """
    torch.manual_seed(recipe.seed)
    network = recipe.network(labels)
    if recipe.initialise is not None:
        recipe.initialise(network, files)
    history = (recipe.learn or _fit)(network, examples, validation, recipe)
    if recipe.finish is not None:
        recipe.finish(network)
    return network, history


def _fit(network: nn.Module, examples: Examples, validation: Examples, recipe: Recipe) -> History:
    """Train all of the network, from the weights that it has."""
    return fit(
        network,
        examples,
        validation,
        recipe.schedule,
        seed=recipe.seed,
        augment=recipe.augment,
    )
