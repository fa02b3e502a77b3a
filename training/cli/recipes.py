"""`thalamus-train train | inspect | recipes | compare | …`: commands on a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import Parameter

from app.command_line import whole
from training.cli.arguments import (
    Execution,
    Models,
    RecipeName,
    Samples,
    Schedule,
    Start,
    Starts,
)
from training.cli.lookup import check_models, check_source, check_start, find_recipe, use_threads
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.recipes import Language, Pretrained, Recipe

Trained = TypeVar("Trained", "Recipe", "Language")

_HIDDEN = Parameter(show=False)  # accepted, because scripts give it, and without effect


def train(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    models: Models = Path("models"),
    start: Start = Start(),
    schedule: Schedule = Schedule(),
    execution: Execution = Execution(),
) -> None:
    """Train a model and publish it as a bundle.

    Example: thalamus-train train --data photos --name birds --start features
    """
    check_start(start, schedule.epochs, models)
    check_models(models)
    found = find_recipe(recipe, samples)

    from training.recipes import Language, Pretrained, Recipe

    use_threads(schedule.threads)
    if not isinstance(found, Recipe) and start != Start():
        why = "starts in its own way" if isinstance(found, Language) else "comes trained"
        raise TrainingError(f"{found.name} {why}; it starts from nothing else")
    folder: Path | None  # of a rank that does not publish, none
    with _execution(execution):
        if isinstance(found, Pretrained):
            folder = _exported(found, models)
        elif isinstance(found, Language):
            folder = _trained_on_words(_changed(found, schedule), samples.data, models)
        else:
            folder = _trained(found, samples, models, start, schedule)
        print(f"published {folder}")


def _exported(recipe: "Pretrained", models: Path) -> Path:
    from training.runs.pretrained import export_pretrained

    return export_pretrained(recipe, models)


def _trained_on_words(recipe: "Language", data: Path | None, models: Path) -> Path | None:
    from training.runs.language_model import run_language

    return run_language(recipe, data, models)


def _trained(
    recipe: "Recipe", samples: Samples, models: Path, start: Start, schedule: Schedule
) -> Path | None:
    from training.runs.autoencoder import run_unsupervised
    from training.runs.classifier import run
    from training.transfer import started

    recipe = started(recipe, samples.data, start.start, start.source, models)
    way = run if recipe.schedule.objective is None else run_unsupervised
    return way(_changed(recipe, schedule), samples.data, models)


def inspect(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: Annotated[Schedule, _HIDDEN] = Schedule(),
) -> None:
    """Show what a training would learn from: samples per label, encoder, unreadable files.

    Example: thalamus-train inspect --data photos
    """
    found = find_recipe(recipe, samples)

    from training.recipes import Language, Pretrained
    from training.runs.classifier import prepare
    from training.runs.language_model import read

    if isinstance(found, Language):
        print(f"encoder: {read(found, samples.data).encoder.spec.model_dump_json()}")
        return
    if isinstance(found, Pretrained):
        raise TrainingError(f"{found.name} comes trained; there is no data to inspect")
    data = prepare(found, samples.data)
    for label, count in sorted(data.dataset.counts().items()):
        print(f"{count:7d}  {label}")
    print(f"encoder: {data.encoder.model_dump_json()}")


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
    schedule: Schedule = Schedule(),
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
        compare(_changed(found, schedule), samples.data, folds)


def compare_starts(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    starts: Starts = Starts(),
    models: Models = Path("models"),
    schedule: Schedule = Schedule(),
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
    compare_starts(found, samples.data, starts.source, models, seeds, picture=starts.picture)


def few_labels(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    split: Annotated[
        Literal["validation", "test"], Parameter(help="Samples to measure accuracy on.")
    ] = "validation",
    models: Annotated[Path, _HIDDEN] = Path("models"),
    schedule: Schedule = Schedule(),
    execution: Execution = Execution(),
) -> None:
    """Measure how learning without labels helps when there are few; nothing is published.

    Example: thalamus-train few-labels digits-autoencoder
    """
    found = _classifier(find_recipe(recipe, samples), "there is nothing to study")

    from training.runs.autoencoder import study

    use_threads(schedule.threads)
    with _execution(execution):
        study(_changed(found, schedule), samples.data, split)


@contextmanager
def _execution(options: Execution) -> Iterator[None]:
    """Have what is trained within keep its checkpoints, and be trained by the ranks given."""
    from training.fitting.checkpoint import Checkpoints
    from training.fitting.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def _classifier(recipe: "Recipe | Language | Pretrained", why: str) -> "Recipe":
    """Return the recipe of a classifier that is trained here; say `why` there must be one."""
    from training.recipes import Language, Recipe

    if isinstance(recipe, Recipe):
        return recipe
    what = "is no classifier" if isinstance(recipe, Language) else "comes trained"
    raise TrainingError(f"{recipe.name} {what}; {why}")


def _changed(recipe: "Trained", schedule: Schedule) -> "Trained":
    """Return the recipe with the epochs and the seed that are given."""
    if schedule.epochs is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=schedule.epochs))
    return recipe if schedule.seed is None else replace(recipe, seed=schedule.seed)
