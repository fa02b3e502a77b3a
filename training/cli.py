"""`thalamus-train run | inspect | compare | compare-starts | few-labels`, and for published bundles
`measure | calibrate | publish`.

A user's mistake gets one line on stderr and exit status 2.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from app.errors import ThalamusError
from training.arguments import Command, parser
from training.errors import TrainingError
from training.progress import shown

if TYPE_CHECKING:
    from app.bundle import Bundle
    from training.recipes import AnyRecipe, Recipe

Changed = TypeVar("Changed", bound="AnyRecipe")
_NO_CLASSIFIER = {"complete": "is no classifier", "export": "comes trained"}  # by task


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        options = parser(_COMMANDS).parse_args(arguments)
        with shown():
            options.command(options)
    except ThalamusError as error:
        print(f"thalamus-train: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"thalamus-train: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"thalamus-train: {error}; see CONTRIBUTING.md (make setup)", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("thalamus-train: stopped; nothing was published", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    import torch

    from training.runs.registry import run
    from training.transfer import apply_start

    torch.set_num_threads(options.threads)
    recipe = _recipe(options)
    with _together(options):
        recipe = apply_start(recipe, options.data, options.start, options.source, options.models)
        folder = run(_changed(recipe, options), options.data, options.models)
        print(f"published {folder}")


@contextmanager
def _together(options: argparse.Namespace) -> Iterator[None]:
    """Let trainings within keep checkpoints, and run in the number of ranks that was asked for."""
    from training.fitting.checkpoint import Checkpoints
    from training.fitting.ranks import joined

    with joined(options.ranks), Checkpoints(options.checkpoints, options.fresh):
        yield


def _publish(options: argparse.Namespace) -> None:
    from training.runs.convert import MaximumLoss, publish_converted

    bundle = _published(options)
    bounds = MaximumLoss(options.most_lost / 100, options.most_changed / 100, options.force)
    folder = publish_converted(
        bundle, options.precision, options.data, options.models, bounds, options.device
    )
    print(f"published {folder}")


def _measure(options: argparse.Namespace) -> None:
    from training.runs.measure import measure

    measured = measure(_published(options), options.data)
    print("\n".join(measured.lines()))
    if options.report is not None:
        options.report.write_bytes(measured.report())


def _calibrate(options: argparse.Namespace) -> None:
    from training.runs.calibrate import publish_calibrated

    folder = publish_calibrated(_published(options), options.data, options.models)
    print(f"published {folder}")


def _published(options: argparse.Namespace) -> "Bundle":
    """Return the bundle that a command names, and set the number of threads."""
    import torch

    from training.runs.next_version import newest

    torch.set_num_threads(options.threads)
    return newest(options.models, options.name, options.version)


def _compare(options: argparse.Namespace) -> None:
    import torch

    from training.runs.cross_validate import compare

    torch.set_num_threads(options.threads)
    recipe = _classifier(options, "there is no baseline to compare with in folds")
    with _together(options):
        print(compare(_changed(recipe, options), options.data, options.folds).summary())


def _few_labels(options: argparse.Namespace) -> None:
    import torch

    from training.measuring.few_labels import few_labels_table
    from training.runs.autoencoder import study

    torch.set_num_threads(options.threads)
    recipe = _classifier(options, "there is nothing to study")
    with _together(options):
        print(few_labels_table(study(_changed(recipe, options), options.data, options.split)))


def _compare_starts(options: argparse.Namespace) -> None:
    import torch

    from training.runs.compare_transfer import compare_starts

    torch.set_num_threads(options.threads)
    recipe = _classifier(options, "there is no start to compare")
    seed = recipe.seed if options.seed is None else options.seed
    seeds = range(seed, seed + options.seeds)
    comparison = compare_starts(
        recipe, options.data, options.source, options.models, seeds, picture=options.picture
    )
    print(comparison.table())


def _recipes(options: argparse.Namespace) -> None:
    from training.recipes import RECIPES

    for recipe in RECIPES.values():
        print(f"{recipe.name}\t{recipe.description}")


def _inspect(options: argparse.Namespace) -> None:
    from training.runs.registry import inspect

    found = inspect(_recipe(options), options.data)
    for label, count in sorted(found.counts.items()):
        print(f"{count:7d}  {label}")
    print(f"encoder: {found.encoder.model_dump_json()}")


def _recipe(options: argparse.Namespace) -> "AnyRecipe":
    from training.recipes import RECIPES
    from training.recipes.auto import auto_recipe

    if options.recipe is None:
        if options.data is None:
            raise TrainingError("name a recipe (thalamus-train recipes), or your --data FOLDER")
        return auto_recipe(options.data, options.name)
    if options.recipe not in RECIPES:
        raise TrainingError(f"no recipe {options.recipe!r}; there are {', '.join(RECIPES)}")
    if options.name is not None:
        raise TrainingError(f"--name is for your own data; {options.recipe} has its name")
    return RECIPES[options.recipe]


def _classifier(options: argparse.Namespace, why: str) -> "Recipe":
    """Return the recipe that trains on samples; else say `why` there must be one."""
    from training.recipes import Recipe

    recipe = _recipe(options)
    if not isinstance(recipe, Recipe):
        raise TrainingError(f"{recipe.name} {_NO_CLASSIFIER[recipe.task]}; {why}")
    return recipe


def _changed(recipe: "Changed", options: argparse.Namespace) -> "Changed":
    """Return the recipe with the epochs and the seed that the options name."""
    from training.recipes import Pretrained

    if isinstance(recipe, Pretrained):
        return recipe  # nothing is trained
    if options.epochs:
        if getattr(options, "start", None) == "features":
            raise TrainingError("--epochs: feature extraction has none")
        recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=options.epochs))
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    return recipe


_COMMANDS: dict[str, Command] = {
    "run": _run,
    "inspect": _inspect,
    "compare": _compare,
    "compare-starts": _compare_starts,
    "few-labels": _few_labels,
    "publish": _publish,
    "measure": _measure,
    "calibrate": _calibrate,
    "recipes": _recipes,
}


if __name__ == "__main__":
    sys.exit(main())
