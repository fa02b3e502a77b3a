"""`thalamus-train inspect | recipes | compare | compare-starts | few-labels`: on a recipe."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.command_line import whole
from app.terminal import printable
from training.cli.applied import changed, executed, use_threads
from training.cli.arguments import (
    Execution,
    ModelsFolder,
    RecipeName,
    Samples,
    ScheduleOptions,
    Starts,
)
from training.cli.lookup import (
    check_classifier,
    check_source,
    check_startable,
    find_classifier,
    find_recipe,
    local_samples,
    summarize,
)
from training.errors import TrainingError

_HIDDEN = Parameter(show=False)  # accepted, because scripts give it, and without effect


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
    with executed(execution):
        print(compare(changed(found, schedule), samples.data, folds).summary())


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
    with executed(execution):
        print(few_labels_table(study(changed(found, schedule), samples.data, split)))
