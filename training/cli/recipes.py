"""`thalamus-train train | inspect | recipes | compare | …`: commands on a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import Parameter

from app.command_line import printable, whole
from training.cli.arguments import (
    Execution,
    ModelsFolder,
    RecipeName,
    Samples,
    ScheduleOptions,
    StartOptions,
    Starts,
)
from training.cli.lookup import check_models, check_source, check_start, find_recipe, use_threads
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipes import AnyRecipe, Recipe

Changed = TypeVar("Changed", bound="AnyRecipe")

_NO_CLASSIFIER = {"complete": "is no classifier", "export": "comes trained"}  # by task

_HIDDEN = Parameter(show=False)  # accepted, because scripts give it, and without effect


def train(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    models: ModelsFolder = Path("models"),
    start: StartOptions = StartOptions(),
    schedule: ScheduleOptions = ScheduleOptions(),
    execution: Execution = Execution(),
) -> None:
    """Train a model and publish it as a bundle.

    Example: thalamus-train train --data photos --name birds --start features
    """
    check_start(start, schedule.epochs, models)
    check_models(models)
    found = find_recipe(recipe, samples)

    from training.runs.registry import run
    from training.transfer import apply_start

    use_threads(schedule.threads)
    with _execution(execution):
        found = apply_start(found, samples.data, start.start, start.source, models)
        folder = run(_changed(found, schedule), samples.data, models)
        print(f"published {folder}")


def inspect(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: Annotated[ScheduleOptions, _HIDDEN] = ScheduleOptions(),
) -> None:
    """Show what a training would learn from: samples per label, encoder, unreadable files.

    Example: thalamus-train inspect --data photos
    """
    found = find_recipe(recipe, samples)

    from training.runs.registry import inspect

    inspection = inspect(found, samples.data)
    for label, count in sorted(inspection.counts.items()):
        print(f"{count:7d}  {printable(label)}")
    print(f"encoder: {inspection.encoder.model_dump_json()}")


def recipes() -> None:
    """List the shipped recipes."""
    from training.recipes import RECIPES

    for recipe in RECIPES.values():
        print(f"{recipe.name}\t{recipe.description}")


def compare(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    folds: Annotated[int, whole("Parts, each of which is tested once.", 2, 50)] = 5,
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: ScheduleOptions = ScheduleOptions(),
    execution: Execution = Execution(),
) -> None:
    """Cross-validate a recipe's network against its baseline; nothing is published.

    Example: thalamus-train compare spam --folds 10
    """
    found = _classifier(
        find_recipe(recipe, samples), "there is no baseline to compare with in folds"
    )

    from training.runs.cross_validate import compare

    use_threads(schedule.threads)
    with _execution(execution):
        print(compare(_changed(found, schedule), samples.data, folds).summary())


def compare_starts(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    starts: Starts = Starts(),
    models: ModelsFolder = Path("models"),
    schedule: ScheduleOptions = ScheduleOptions(),
    execution: Annotated[Execution, _HIDDEN] = Execution(),
) -> None:
    """Train from scratch, from a trained network, and on its features; nothing is published.

    Example: thalamus-train compare-starts --data photos --seeds 3 --picture curves.svg
    """
    if starts.picture is not None and starts.picture.suffix not in (".svg", ".png"):
        raise TrainingError(f"{starts.picture}: a picture is .svg or .png")
    check_source(starts.source, models)
    found = _classifier(find_recipe(recipe, samples), "there is no start to compare")

    from training.runs.compare_transfer import compare_starts

    use_threads(schedule.threads)
    seed = found.seed if schedule.seed is None else schedule.seed
    seeds = range(seed, seed + starts.seeds)
    comparison = compare_starts(
        found, samples.data, starts.source, models, seeds, picture=starts.picture
    )
    print(comparison.table())


def few_labels(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    split: Annotated[
        Literal["validation", "test"], Parameter(help="Samples to measure accuracy on.")
    ] = "validation",
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: ScheduleOptions = ScheduleOptions(),
    execution: Execution = Execution(),
) -> None:
    """Measure how learning without labels helps when there are few; nothing is published.

    Example: thalamus-train few-labels digits-autoencoder
    """
    found = _classifier(find_recipe(recipe, samples), "there is nothing to study")

    from training.measuring.few_labels import few_labels_table
    from training.runs.autoencoder import study

    use_threads(schedule.threads)
    with _execution(execution):
        print(few_labels_table(study(_changed(found, schedule), samples.data, split)))


@contextmanager
def _execution(options: Execution) -> Iterator[None]:
    """Let trainings within keep checkpoints, and run in the number of ranks that was asked for."""
    from training.fitting.checkpoint import Checkpoints
    from training.fitting.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def _classifier(recipe: "AnyRecipe", why: str) -> "Recipe":
    """Return the recipe that trains on samples; else say `why` there must be one."""
    from training.recipes import Recipe

    if not isinstance(recipe, Recipe):
        raise TrainingError(f"{recipe.name} {_NO_CLASSIFIER[recipe.task]}; {why}")
    return recipe


def _changed(recipe: "Changed", schedule: ScheduleOptions) -> "Changed":
    """Return the recipe with the epochs and the seed that are given."""
    from training.recipes import Pretrained

    if isinstance(recipe, Pretrained):
        return recipe  # nothing is trained
    if schedule.epochs is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=schedule.epochs))
    return recipe if schedule.seed is None else replace(recipe, seed=schedule.seed)
