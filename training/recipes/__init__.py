"""One small file per shipped model: data + network + schedule, no logic."""

from training.recipes import (
    digits,
    digits_autoencoder,
    emoji,
    imagenet,
    listops,
    sentiment,
    spam,
    spoken_digits,
)
from training.recipes.recipe import Pretrained, Recipe

__all__ = ["RECIPES", "Pretrained", "Recipe"]

RECIPES: dict[str, Recipe | Pretrained] = {
    recipe.name: recipe
    for recipe in (
        digits.RECIPE,
        digits_autoencoder.RECIPE,
        spam.RECIPE,
        spoken_digits.RECIPE,
        listops.RECIPE,
        sentiment.RECIPE,
        emoji.RECIPE,
        imagenet.RECIPE,
    )
}
