"""One small file per shipped model: data + network + schedule, no logic.

The names are known without importing torch; a recipe is imported when it is looked up.
"""

from collections import UserDict
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.recipes.recipe import AnyRecipe, Language, Lineage, Pretrained, Recipe

__all__ = ["RECIPES", "AnyRecipe", "Language", "Lineage", "Pretrained", "Recipe"]


class _Recipes(UserDict[str, "AnyRecipe"]):
    """Recipes by name; one that is still written as `module:attribute` is imported on demand."""

    data: dict[str, Any]

    def __getitem__(self, name: str) -> "AnyRecipe":
        """Return the recipe of that name; raise `KeyError`."""
        found = self.data[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = self.data[name] = getattr(import_module(module), attribute)
        return found


RECIPES = _Recipes()
RECIPES.data = {
    "digits": "training.recipes.digits:RECIPE",
    "digits-autoencoder": "training.recipes.digits_autoencoder:RECIPE",
    "spam": "training.recipes.spam:RECIPE",
    "spoken-digits": "training.recipes.spoken_digits:RECIPE",
    "listops": "training.recipes.listops:RECIPE",
    "sentiment": "training.recipes.sentiment:RECIPE",
    "emoji": "training.recipes.emoji:RECIPE",
    "completion": "training.recipes.completion:RECIPE",
    "imagenet": "training.recipes.imagenet:RECIPE",
}


def __getattr__(name: str) -> Any:
    """Return a kind of recipe, which imports torch."""
    if name in ("AnyRecipe", "Language", "Lineage", "Pretrained", "Recipe"):
        return getattr(import_module("training.recipes.recipe"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
