"""One small file per shipped model: data + network + schedule, no logic."""

from training.recipes import (
    completion,
    digits,
    digits_autoencoder,
    emoji,
    imagenet,
    listops,
    sentiment,
    spam,
    spoken_digits,
)
from training.recipes.recipe import Language, Pretrained, Recipe

__all__ = ["RECIPES", "Language", "Pretrained", "Recipe"]

RECIPES: dict[str, Recipe | Language | Pretrained] = {
    recipe.name: recipe
    for recipe in (
        digits.RECIPE,
        digits_autoencoder.RECIPE,
        spam.RECIPE,
        spoken_digits.RECIPE,
        listops.RECIPE,
        sentiment.RECIPE,
        emoji.RECIPE,
        completion.RECIPE,
        imagenet.RECIPE,
    )
}
