"""`thalamus-train train | inspect | recipes | compare | …`: commands on a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import Parameter

from app.command_line import whole
from app.terminal import printable
from training.cli.arguments import (
    Destination,
    Execution,
    ModelsFolder,
    RecipeName,
    Samples,
    ScheduleOptions,
    StartOptions,
    Starts,
)
from training.cli.lookup import (
    check_classifier,
    check_demands,
    check_effects,
    check_models,
    check_source,
    check_startable,
    find_classifier,
    find_recipe,
    local_samples,
    print_published,
    resolve_start,
    summarize,
    use_threads,
)
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipes import AnyRecipe

Changed = TypeVar("Changed", bound="AnyRecipe")

_MINUTES = 10.0  # that `--start auto` may take
_HIDDEN = Parameter(show=False)  # accepted, because scripts give it, and without effect


def train(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    destination: Destination = Destination(),
    start: StartOptions = StartOptions(),
    schedule: ScheduleOptions = ScheduleOptions(),
    execution: Execution = Execution(),
) -> None:
    """Train a model and publish it as a bundle.

    Example: thalamus-train train --data photos --name birds --start features
    """
    models = destination.models
    chosen = resolve_start(start, recipe is None, schedule.epochs, execution.ranks)
    check_source(start.source, models)
    check_models(models)
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    if chosen != "scratch":
        check_startable(summary, "it starts from nothing else")
    check_effects(summary, start, samples, schedule, execution)
    check_demands(summary, destination)
    found = find_recipe(recipe, samples)

    from training.runs.registry import run
    from training.transfer import apply_start

    use_threads(schedule.threads, recipe)
    with _execution(execution):
        if chosen == "auto":
            found = _best_start(_changed(found, schedule), samples, start, models)
        else:
            found = apply_start(found, samples.data, chosen, start.source, models)
            found = _changed(found, schedule)
        found = _demanding(found, destination)
        folder = run(found, samples.data, models, policy=destination.publish)
        if folder is not None:  # in a rank that does not lead
            print_published(folder)


def inspect(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    deep: Annotated[
        bool,
        Parameter(help="Also list samples whose labels are probably wrong; it takes a while."),
    ] = False,
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: Annotated[ScheduleOptions, _HIDDEN] = ScheduleOptions(),
) -> None:
    """Show what a training would learn from: samples per label, encoder, unreadable files.

    Example: thalamus-train inspect --data photos --deep
    """
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    if summary.task == "export":
        raise TrainingError(f"{summary.name} comes trained; there is no data to inspect")
    found = find_recipe(recipe, samples)

    from training.runs.registry import inspect

    inspection = inspect(found, samples.data, deep=deep)
    for label, count in sorted(inspection.counts.items()):
        print(f"{count:7d}  {printable(label)}")
    if inspection.parts:
        parts = ", ".join(f"{count} {part}" for part, count in inspection.parts.items())
        print(f"the authors' split: {parts}")
    if inspection.groups:
        print(f"groups: {inspection.groups}")
    print(f"encoder: {inspection.encoder.model_dump_json()}")
    for line in inspection.suspected:
        print(printable(line))


def recipes() -> None:
    """List the shipped recipes."""
    from training.recipes import RECIPES

    for summary in map(RECIPES.summary, RECIPES):
        print(f"{summary.name}\t{summary.description}")


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
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    check_classifier(summary, "there is no baseline to compare with in folds")
    if not summary.has_baseline:
        raise TrainingError(f"{summary.name} has no baseline to compare with")
    found = find_classifier(recipe, samples)

    from training.runs.cross_validate import compare

    use_threads(schedule.threads, recipe)
    with _execution(execution):
        print(compare(_changed(found, schedule), samples.data, folds).summary())


def compare_starts(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    starts: Starts = Starts(),
    models: ModelsFolder = Path("models"),
    execution: Annotated[Execution, _HIDDEN] = Execution(),
) -> None:
    """Train from scratch, from a trained network, and on its features; nothing is published.

    Example: thalamus-train compare-starts --data photos --seeds 3 --picture curves.svg
    """
    if starts.picture is not None and starts.picture.suffix not in (".svg", ".png"):
        raise TrainingError(f"{starts.picture}: a picture is .svg or .png")
    check_source(starts.source, models)
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    check_classifier(summary, "there is no start to compare")
    check_startable(summary, "there is no start to compare")
    found = find_classifier(recipe, samples)

    from training.runs.compare_transfer import compare_starts

    use_threads(starts.threads, recipe)
    seed = found.seed if starts.seed is None else starts.seed
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
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    check_classifier(summary, "there is nothing to study")
    if not summary.has_study:
        raise TrainingError(f"{summary.name} learns from labels; there is nothing to study")
    found = find_classifier(recipe, samples)

    from training.measuring.few_labels import few_labels_table
    from training.runs.autoencoder import study

    use_threads(schedule.threads, recipe)
    with _execution(execution):
        print(few_labels_table(study(_changed(found, schedule), samples.data, split)))


def _best_start(
    recipe: "AnyRecipe", samples: Samples, start: StartOptions, models: Path
) -> "AnyRecipe":
    """Compare the starts that the samples can have, and return the recipe of the best."""
    from training.recipes import Recipe
    from training.runs.choose_start import ComparisonOptions, choose_start
    from training.runs.prepare import load

    assert isinstance(recipe, Recipe)  # the user's own samples have no other kind
    options = ComparisonOptions(_MINUTES if start.minutes is None else start.minutes, models)
    return choose_start(recipe, load(recipe, samples.data), options)


@contextmanager
def _execution(options: Execution) -> Iterator[None]:
    """Let trainings within keep checkpoints, and run in the number of ranks that was asked for."""
    from training.fitting.checkpoint import Checkpoints
    from training.fitting.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def _demanding(recipe: "AnyRecipe", destination: Destination) -> "AnyRecipe":
    """Return the recipe with what its model must reach to be published."""
    from training.recipes.recipe import Demands, Recipe

    if not isinstance(recipe, Recipe):
        return recipe
    demands = Demands(destination.target_precision, destination.force)
    return replace(recipe, demands=demands)


def _changed(recipe: "Changed", schedule: ScheduleOptions) -> "Changed":
    """Return the recipe with the epochs and the seed that are given."""
    from training.recipes import Pretrained

    if isinstance(recipe, Pretrained):
        return recipe  # nothing is trained
    if schedule.epochs is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=schedule.epochs))
    return recipe if schedule.seed is None else replace(recipe, seed=schedule.seed)
