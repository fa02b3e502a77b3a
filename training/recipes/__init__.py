"""One small file per shipped model: data + network + schedule, no logic.

Names and summaries are known without importing torch; a recipe is imported when it is looked up.
"""

from collections import UserDict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from training.recipes.summary import RecipeSummary

if TYPE_CHECKING:
    from training.recipes.recipe import AnyRecipe, Language, Lineage, Pretrained, Recipe

__all__ = ["RECIPES", "AnyRecipe", "Language", "Lineage", "Pretrained", "Recipe", "RecipeSummary"]

# A test compares them with the recipes.
_SHIPPED = (
    RecipeSummary(
        "digits",
        "classify",
        "Recognizes a handwritten digit: light strokes on a dark ground, centred, as in MNIST.",
    ),
    RecipeSummary(
        "digits-autoencoder",
        "reconstruct",
        "An autoencoder of handwritten digits (light strokes on a dark ground, centred, as in "
        "MNIST), trained without labels to undo warps and to fill in masked patches. The answer "
        "has features, the reconstructed image, and a novelty: how unlike a digit the image is.",
        has_study=True,
    ),
    RecipeSummary(
        "spam",
        "classify",
        "Classifies the body of an English e-mail, plain text or HTML, as spam or as wanted mail "
        "(ham).",
        has_baseline=True,
    ),
    RecipeSummary(
        "spoken-digits",
        "classify",
        "Recognizes a spoken English digit, zero to nine, in about one second of sound.",
    ),
    RecipeSummary(
        "listops",
        "classify",
        "Computes the value of nested lists of digits under MIN, MAX, MED (median) and SM (sum "
        "modulo 10), such as [MAX 2 9 [MIN 4 7 ] 0 ].",
        has_baseline=True,
    ),
    RecipeSummary(
        "sentiment",
        "classify",
        "Classifies the sentiment of an English sentence, and of each phrase in it, from very "
        "negative to very positive. The input is a sentence with its binary tree, (3 (2 It) (4 (4 "
        "works) (2 .))), or plain text, for which a fixed rule makes the tree.",
    ),
    RecipeSummary(
        "emoji",
        "classify",
        "Classifies the kind of thing that a pictogram shows: animal, dish, building, …",
    ),
    RecipeSummary(
        "completion",
        "complete",
        "Continues an English text, word by word, in the style of the addresses on the State of "
        "the Union since 1934. Its word vectors were initialised with those of all-MiniLM-L6-v2 "
        "(Apache-2.0).",
    ),
    RecipeSummary(
        "imagenet", "export", "Classifies a photo into the thousand classes of ImageNet."
    ),
)


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

    def summary(self, name: str) -> RecipeSummary:
        """Return the summary of the recipe of that name; a shipped one is not imported."""
        shipped = (summary for summary in _SHIPPED if summary.name == name)
        return next(shipped, None) or self[name].summary()


RECIPES = _Recipes()
RECIPES.data = {
    summary.name: f"training.recipes.{summary.name.replace('-', '_')}:RECIPE"
    for summary in _SHIPPED
}


def __getattr__(name: str) -> Any:
    """Return a kind of recipe, which imports torch."""
    if name in ("AnyRecipe", "Language", "Lineage", "Pretrained", "Recipe"):
        return getattr(import_module("training.recipes.recipe"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
