"""One small file for each shipped model: data, network and schedule, no logic."""

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
from training.recipes.recipe import AnyRecipe, Language, Lineage, Pretrained, Recipe

__all__ = ["RECIPES", "AnyRecipe", "Language", "Lineage", "Pretrained", "Recipe"]

RECIPES: dict[str, AnyRecipe] = {
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
