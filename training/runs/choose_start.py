"""`--start auto`: which start learns the user's samples best, within the time that is given.

`training.runs.contest` has the candidates and the samples that decide, `training.runs.winner` the
rule. Here they are tried one after the other; `training.cluster.search` tries them side by side.

The clock decides nothing but numbers of epochs, and by them which candidates are given up. With the
start and the number of epochs that were chosen, a training gives the same weights.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import orjson

from app.disk import replace_file
from training.data.dataset import Dataset, as_table, digest_order
from training.fitting.checkpoint import code_digest, current_checkpoints
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.recipes.recipe import Recipe
from training.runs.candidates import (
    NO_EPOCHS,
    Allowance,
    Trial,
    UnreadableSamples,
    try_candidate,
)
from training.runs.chosen_start import ChosenStart, apply_choice
from training.runs.contest import Contest, prepare_contest
from training.runs.own_data import with_recorded_split
from training.runs.publish import check_destination
from training.runs.spent_time import Clock, computing_clock
from training.runs.winner import candidates_table, hardly_beaten, lowest_loss, pick_winner
from training.transfer import LINEAR_START

_LOG = logging.getLogger(__name__)
COMPARISON = 0.6  # share of the time that the comparison may take
_FIGURES = 0.1  # share that is left for what follows the training: figures, and the card

HARDLY_BETTER = "not tried: it could hardly be better"  # than one that was tried

# Tries the candidates, by a clock that began before they were made, and decides.
Compare = Callable[[Contest, Clock], ChosenStart]


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """How long comparison and training may take, in minutes, and where the bundles are.

    trials: of a search on a cluster, at most; None where the candidates are tried in turn.
    """

    minutes: float
    models: Path
    trials: int | None = None


def choose_start(
    recipe: Recipe,
    dataset: Dataset,
    options: ComparisonOptions,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    clock: Clock | None = None,
) -> Recipe:
    """Return the recipe of the user's samples with the best start, and its number of epochs.

    dataset: loaded and checked.
    """
    compare = partial(_in_turn, options, modalities)
    choice = decide_start(recipe, dataset, options, compare, modalities, clock)
    if choice is None:  # the preparation of its samples names the files
        return replace(recipe, load=lambda _: dataset, loaded=dataset)
    return apply_choice(recipe, dataset, choice, options.models, modalities)


def decide_start(
    recipe: Recipe,
    dataset: Dataset,
    options: ComparisonOptions,
    compare: Compare,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    clock: Clock | None = None,
) -> ChosenStart | None:
    """Return the best start; None where the samples that decide cannot be read.

    A choice that an earlier run made, and that was stopped then, is read from its checkpoints.
    """
    check_destination(options.models, recipe.name)
    loaded = own_samples(recipe, dataset, options.models)
    kept = current_checkpoints()
    path = kept.path(_digest(loaded, dataset, options)) if kept else None
    if path is not None and path.exists():
        choice = ChosenStart(**orjson.loads(path.read_bytes()))
        _LOG.info("--start %s, chosen before; --fresh compares again", choice.start)
    else:
        spent = clock or computing_clock(len(dataset.samples))
        try:
            choice = compare(prepare_contest(loaded, dataset, options.models, modalities), spent)
        except UnreadableSamples:
            return None
        if path is not None:
            replace_file(path, orjson.dumps(asdict(choice)))
    _LOG.info("%s", choice.table)
    return choice


def own_samples(recipe: Recipe, dataset: Dataset, models: Path) -> Recipe:
    """Return the recipe over the loaded samples, split as before; see `with_recorded_split`."""
    return with_recorded_split(replace(recipe, load=lambda _: dataset, loaded=dataset), models)


def time_to_train(options: ComparisonOptions, spent: float) -> float:
    """Return the seconds that are left for the final training; spent: seconds by now."""
    return (1 - _FIGURES) * 60 * options.minutes - spent


def _in_turn(
    options: ComparisonOptions, modalities: TrainingModalities, contest: Contest, clock: Clock
) -> ChosenStart:
    """Try the candidates one after the other; the clock began before they were made."""
    budget = COMPARISON * 60 * options.minutes
    candidates, trials = contest.candidates, list[Trial]()
    for number, candidate in enumerate(candidates):
        left = budget - clock()
        bounded = candidate.lineage.start in NO_EPOCHS
        allowance = left if bounded or number == len(candidates) - 1 else left / 2
        if candidate.lineage.start == LINEAR_START:
            allowance = math.inf  # it is next to nothing, and good on most texts
        if any(hardly_beaten(trial) for trial in trials):
            trial = Trial(candidate, why=HARDLY_BETTER)
        elif allowance <= 0:
            trial = Trial(candidate, why="not tried: no time was left")
        else:
            allowed = Allowance(allowance, clock, lowest_loss(trials))
            trial = try_candidate(candidate, contest.labels, contest.parts, allowed, modalities)
        trials.append(trial)
        log_trial(trial)
    return decide(contest, trials, time_to_train(options, clock()))


def decide(contest: Contest, trials: Sequence[Trial], left: float) -> ChosenStart:
    """Return the best of the trials. left: seconds for the final training."""
    learnt = len(contest.parts.learn)
    best, epochs = pick_winner(trials, left, samples=contest.learnable, learnt=learnt)
    lineage = best.recipe.lineage
    return ChosenStart(lineage.start, epochs, candidates_table(trials, best), lineage.learning_rate)


def log_trial(trial: Trial) -> None:
    """Log how a candidate did, in a line."""
    if trial.losses is None:
        _LOG.info("%s: %s", trial.name, trial.why)
        return
    _LOG.info(
        "%s: accuracy %.1f %%, cross-entropy %.3f on %d samples of the training split",
        trial.name,
        100 * trial.accuracy,
        trial.losses.mean(),
        len(trial.losses),
    )


def _digest(recipe: Recipe, dataset: Dataset, options: ComparisonOptions) -> str:
    """Return a digest of what a choice depends on, besides the clock."""
    asked = (recipe.seed, recipe.schedule, recipe.lineage, recipe.shares, options.minutes)
    facts = (*asked, options.trials, dataset.sha256, dataset.keeps_case)
    table = as_table(dataset.samples)
    digest = hashlib.sha256(f"choice {facts} {table.group_names} {code_digest()}".encode())
    order = digest_order(table.keys)  # whatever the order of the files
    for column in (table.groups, table.fixed):
        digest.update(np.ascontiguousarray(column[order]).tobytes())
    return digest.hexdigest()
