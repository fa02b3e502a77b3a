"""What `--start auto` or `--search` has decided, and the recipe that is trained because of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from training.data.dataset import Dataset
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.recipes.recipe import Language, Recipe, Start
from training.transfer import start_samples

Scheduled = TypeVar("Scheduled", bound=Recipe | Language)


@dataclass(frozen=True, slots=True)
class ChosenStart:
    """A start with its number of epochs, and the Markdown table of the candidates.

    learning_rate: where it is not that of the start.
    """

    start: Start
    epochs: int
    table: str
    learning_rate: float | None = None


def apply_choice(
    recipe: Recipe,
    dataset: Dataset,
    choice: ChosenStart,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> Recipe:
    """Return the recipe of the user's samples with what was chosen.

    dataset: loaded and checked. models: the folder of published bundles.
    """
    loaded = replace(recipe, load=lambda _: dataset, loaded=dataset)
    found = start_samples(loaded, dataset, choice.start, (None, models), modalities)
    schedule = replace(found.schedule, epochs=choice.epochs)
    lineage = replace(found.lineage, comparison=choice.table)
    found = replace(found, loaded=dataset, schedule=schedule, lineage=lineage)
    return (
        found if choice.learning_rate is None else with_learning_rate(found, choice.learning_rate)
    )


def with_learning_rate(recipe: Scheduled, rate: float) -> Scheduled:
    """Return the recipe with another highest learning rate; its lineage says so."""
    schedule = replace(recipe.schedule, learning_rate=rate)
    return replace(recipe, schedule=schedule, lineage=replace(recipe.lineage, learning_rate=rate))
