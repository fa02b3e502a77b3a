"""A training as it was asked for, which this process or another one can run."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from training.cli.applied import changed, demanding, executed, use_threads
from training.cli.arguments import (
    Destination,
    Execution,
    Samples,
    ScheduleOptions,
    StartOptions,
)
from training.cli.lookup import find_recipe

if TYPE_CHECKING:
    from training.data.dataset import Dataset
    from training.recipes import AnyRecipe, Recipe
    from training.runs.choose_start import ComparisonOptions
    from training.runs.chosen_start import ChosenStart
    from training.runs.contest import Contest

_MINUTES = 10.0  # that `--start auto` may take


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """A training as it was asked for, and checked; another process can be given it.

    choice: that of `--start auto`, where it was made elsewhere.
    """

    recipe: str | None
    samples: Samples
    destination: Destination
    origin: Literal["auto", "linear", "scratch", "pretrained", "features"]
    start: StartOptions
    schedule: ScheduleOptions
    execution: Execution
    choice: "ChosenStart | None" = None


def run_here(request: TrainingRequest, attempt: int = 0) -> Path | None:
    """Train in this process, and return the folder of the version; None in a rank that follows.

    attempt: from the second on, from 0, the checkpoints are those of the first, and are not old.
    """
    samples, destination = request.samples, request.destination
    found = find_recipe(request.recipe, samples)

    from training.runs.registry import run
    from training.transfer import apply_start

    use_threads(request.schedule.threads, request.recipe)
    execution = replace(request.execution, fresh=request.execution.fresh and attempt == 0)
    with executed(execution):
        if request.origin == "auto":
            found = _best_start(found, request)
        else:
            source, models = request.start.source, destination.models
            found = apply_start(found, samples.data, request.origin, source, models)
            found = changed(found, request.schedule)
        found = demanding(found, destination)
        return run(found, samples.data, destination.models, policy=destination.publish)


def _best_start(found: "AnyRecipe", request: TrainingRequest) -> "AnyRecipe":
    """Return the recipe of the best start, which is compared for unless the request has it."""
    from training.runs.choose_start import choose_start
    from training.runs.chosen_start import apply_choice

    recipe, dataset = _own_samples(found, request)
    options = comparison_options(request)
    if request.choice is not None:
        return apply_choice(recipe, dataset, request.choice, options.models)
    return choose_start(recipe, dataset, options)


def comparison_options(request: TrainingRequest, trials: int | None = None) -> "ComparisonOptions":
    """Return what `--start auto` compares by. trials: of a search, at most."""
    from training.runs.choose_start import ComparisonOptions

    minutes = _MINUTES if request.start.minutes is None else request.start.minutes
    return ComparisonOptions(minutes, request.destination.models, trials)


def own_samples_of(request: TrainingRequest) -> tuple["Recipe", "Dataset"]:
    """Return the user's samples, loaded and checked, and the recipe for them."""
    return _own_samples(find_recipe(request.recipe, request.samples), request)


def _own_samples(found: "AnyRecipe", request: TrainingRequest) -> tuple["Recipe", "Dataset"]:
    from training.recipes import Recipe
    from training.runs.prepare import load

    assert isinstance(found, Recipe)  # the user's own samples have no other kind
    recipe = changed(found, request.schedule)
    return recipe, load(recipe, request.samples.data)


def contest_of(request: TrainingRequest) -> "Contest":
    """Return the candidates for the user's samples, in whichever process it is called."""
    from training.modalities import TRAINING_MODALITIES
    from training.runs.choose_start import own_samples
    from training.runs.contest import prepare_contest

    models = request.destination.models
    recipe, dataset = own_samples_of(request)
    recipe = own_samples(recipe, dataset, models)
    return prepare_contest(recipe, dataset, models, TRAINING_MODALITIES)
