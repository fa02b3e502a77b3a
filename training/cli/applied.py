"""Options applied to a recipe and to this process, which imports torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from training.cli.arguments import Destination, Execution, ScheduleOptions

if TYPE_CHECKING:
    from training.recipes import AnyRecipe

Changed = TypeVar("Changed", bound="AnyRecipe")


@contextmanager
def executed(options: Execution) -> Iterator[None]:
    """Let trainings within keep checkpoints, and run in the number of ranks that was asked for."""
    from training.fitting.checkpoint import Checkpoints
    from training.fitting.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def demanding(recipe: "AnyRecipe", destination: Destination) -> "AnyRecipe":
    """Return the recipe with what its model must reach to be published."""
    from training.recipes.recipe import Demands, Recipe

    if not isinstance(recipe, Recipe):
        return recipe
    demands = Demands(destination.target_precision, destination.force)
    return replace(recipe, demands=demands)


def changed(recipe: "Changed", schedule: ScheduleOptions) -> "Changed":
    """Return the recipe with the epochs, the learning rate and the seed that are given."""
    from training.recipes import Pretrained
    from training.runs.chosen_start import with_learning_rate

    if isinstance(recipe, Pretrained):
        return recipe  # nothing is trained
    if schedule.epochs is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=schedule.epochs))
    if schedule.learning_rate is not None:
        recipe = with_learning_rate(recipe, schedule.learning_rate)
    return recipe if schedule.seed is None else replace(recipe, seed=schedule.seed)


def use_threads(count: int | None, recipe: str | None = None) -> None:
    """Compute with so many CPU threads.

    None: with one for a shipped recipe, because its published weights were computed so; else with
    one for each processor that this process may use.
    """
    import torch

    from training.data.processes import cores

    torch.set_num_threads(count or (1 if recipe is not None else cores()))
