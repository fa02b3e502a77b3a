"""`--start auto`: which start learns the user's samples best, within the time that is given.

The candidates of a modality are its linear model, its network from scratch, and a trained network
that is frozen or tuned. Each learns from a part of the training split, of at most `MOST_LEARNT`
samples; another part of it judges them, which has no group in common with the first. Neither the
calibration part nor the test split is opened for that. The lowest cross-entropy wins; of candidates
that are not worse by more than one standard error, one of half the size or less wins.

The clock decides nothing but numbers of epochs, and by them which candidates are given up. With the
start and the number of epochs that were chosen, a training gives the same weights.
"""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.disk import replace_file
from training.data.dataset import Dataset, Sample, as_table, choose, digest_order
from training.data.evenly import evenly_by_label
from training.data.reading.read import modality as modality_of
from training.data.sources import warn
from training.data.split import split, split_validation
from training.data.split_units import units_of
from training.errors import TrainingError
from training.exporting.card.markdown import cell
from training.fitting.checkpoint import code_digest, current_checkpoints
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.recipes.recipe import Recipe, Start
from training.runs.candidates import (
    NO_EPOCHS,
    Allowance,
    ComparisonParts,
    Pace,
    Trial,
    UnreadableSamples,
    most_epochs,
    try_candidate,
)
from training.runs.own_data import with_recorded_split
from training.runs.publish import check_destination
from training.runs.spent_time import Clock, computing_clock
from training.transfer import LINEAR_START, start_samples

_LOG = logging.getLogger(__name__)
MOST_LEARNT = 8_000  # training samples that the candidates learn from
_JUDGED = 5  # one training sample of so many judges the candidates
_ENOUGH_JUDGES, _NEXT_TO_NONE = 100, 0.02  # samples, and a cross-entropy: hardly one error
_MUCH_SMALLER = 0.5  # times the numbers in the best network
_COMPARISON = 0.6  # share of the time that the comparison may take
_FIGURES = 0.1  # share that is left for what follows the training: figures, and the card
# Those first that take the time that they need; the others take what they get.
_STARTS: tuple[Start, ...] = ("linear", "features", "scratch", "pretrained")


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """How long comparison and training may take, in minutes, and where the bundles are."""

    minutes: float
    models: Path


def choose_start(
    recipe: Recipe,
    dataset: Dataset,
    options: ComparisonOptions,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    clock: Clock | None = None,
) -> Recipe:
    """Return the recipe of the user's samples with the best start, and its number of epochs.

    dataset: loaded and checked. A choice that an earlier run made, and that was stopped then, is
    read from its checkpoints.
    """
    check_destination(options.models, recipe.name)
    loaded = replace(recipe, load=lambda _: dataset, loaded=dataset)
    loaded = with_recorded_split(loaded, options.models)
    kept = current_checkpoints()
    path = kept.path(_digest(loaded, dataset, options.minutes)) if kept else None
    if path is not None and path.exists():
        made = orjson.loads(path.read_bytes())
        _LOG.info("--start %s, chosen before; --fresh compares again", made["start"])
    else:
        try:
            spent = clock or computing_clock(len(dataset.samples))
            made = _choice(loaded, dataset, options, modalities, spent)
        except UnreadableSamples:
            return loaded  # whose preparation names the files
        if path is not None:
            replace_file(path, orjson.dumps(made))
    _LOG.info("%s", made["table"])
    source = (None, options.models)
    chosen = start_samples(loaded, dataset, made["start"], source, modalities)
    schedule = replace(chosen.schedule, epochs=made["epochs"])
    lineage = replace(chosen.lineage, comparison=made["table"])
    return replace(chosen, loaded=dataset, schedule=schedule, lineage=lineage)


def _choice(
    recipe: Recipe,
    dataset: Dataset,
    options: ComparisonOptions,
    modalities: TrainingModalities,
    clock: Clock,
) -> dict[str, Any]:
    """Compare the candidates; return start, epochs and table of the choice."""
    began, seconds = clock(), 60 * options.minutes
    candidates = _candidates(recipe, dataset, options.models, modalities)
    parts, learnable = _parts(recipe, dataset)
    labels, trials = tuple(sorted(dataset.counts())), list[Trial]()
    for number, candidate in enumerate(candidates):
        left = _COMPARISON * seconds - (clock() - began)
        bounded = candidate.lineage.start in NO_EPOCHS
        allowance = left if bounded or number == len(candidates) - 1 else left / 2
        if candidate.lineage.start == LINEAR_START:
            allowance = math.inf  # it is next to nothing, and good on most texts
        if any(hardly_beaten(trial) for trial in trials):
            trial = Trial(candidate, why="not tried: it could hardly be better")
        elif allowance <= 0:
            trial = Trial(candidate, why="not tried: no time was left")
        else:
            allowed = Allowance(allowance, clock, _lowest_loss(trials))
            trial = try_candidate(candidate, labels, parts, allowed, modalities)
        trials.append(trial)
        if trial.losses is None:
            _LOG.info("%s: %s", trial.name, trial.why)
        else:
            _LOG.info(
                "%s: accuracy %.1f %%, cross-entropy %.3f on %d samples of the training split",
                trial.name,
                100 * trial.accuracy,
                trial.losses.mean(),
                len(trial.losses),
            )
    left = (1 - _FIGURES) * seconds - (clock() - began)
    best, epochs = pick_winner(trials, left, samples=learnable, learnt=len(parts.learn))
    return {"start": best.recipe.lineage.start, "epochs": epochs, "table": _table(trials, best)}


def _candidates(
    recipe: Recipe, dataset: Dataset, models: Path, modalities: TrainingModalities
) -> list[Recipe]:
    """Return the recipe with every start that these samples can have."""
    modality = modalities[modality_of(dataset, modalities.values())]
    found = []
    for start in _STARTS:
        if start == "linear" and modality.linear is None:
            continue
        if start in ("features", "pretrained") and dataset.keeps_case:
            continue  # they are codes, no language that a network was trained on
        try:
            found.append(start_samples(recipe, dataset, start, (None, models), modalities))
        except TrainingError as error:
            _LOG.info("%s is no candidate: %s", start, error)
    return found


def _parts(recipe: Recipe, dataset: Dataset) -> tuple[ComparisonParts, int]:
    """Return the samples of the comparison, and the number of samples of the final training."""
    splits = split(dataset.samples, recipe.shares)
    judge, learn = judged_places(splits.train, grouped=recipe.shares.rule == 2)
    stop, _ = split_validation(splits.validation, recipe.shares.rule)
    most = MOST_LEARNT
    parts = ComparisonParts(
        _some(splits.train, learn, most),
        _some(splits.validation, np.asarray(stop), most // _JUDGED),
        _some(splits.train, judge, most // (_JUDGED - 1)),
    )
    return parts, len(splits.train)


def judged_places(train: Sequence[Sample], *, grouped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the training samples that judge the candidates, and those that they learn from.

    One unit of `_JUDGED`, a group or a sample, by its digest; every label has one to learn from.
    """
    table = as_table(train)
    units = units_of(table, grouped=grouped)
    judges = units.number(8) % _JUDGED == 0
    for label in np.flatnonzero(units.counts(~judges) == 0).tolist():
        row = int(np.flatnonzero(units.labels == label)[0])
        judges[units.members(row)] = False
    if not judges.any():  # so few samples judge what they learnt
        return np.arange(len(table)), np.arange(len(table))
    return np.flatnonzero(judges), np.flatnonzero(~judges)


def _some(samples: Sequence[Sample], places: np.ndarray, most: int) -> Sequence[Sample]:
    """Return at most about `most` of the samples at these places, evenly, of every label."""
    evenly = evenly_by_label(as_table(samples).labels[places], most)
    return choose(samples, places[evenly])


def pick_winner(
    trials: Sequence[Trial], left: float, *, samples: int, learnt: int
) -> tuple[Trial, int]:
    """Return the best trial whose training fits into the time that is left, and its epochs.

    left: seconds. samples: to train on. learnt: those that the candidates learnt from.
    """
    tried = [trial for trial in trials if trial.losses is not None]
    if not tried:
        warn(f"--minutes leaves no time for a comparison: --start {trials[0].recipe.lineage.start}")
        if trials[0].pace == Pace(0.0, 0.0):  # not even measured
            return trials[0], 1
        tried = [replace(trials[0], losses=np.zeros(1))]
    epochs = {
        trial.name: trial.pace.epochs_in(left, samples, most_epochs(trial.recipe))
        for trial in tried
    }
    fitting = [trial for trial in tried if epochs[trial.name]]
    if not fitting:
        fitting = [min(tried, key=lambda trial: trial.pace.once + trial.pace.epoch)]
        needed = (fitting[0].pace.once + fitting[0].pace.epoch) * samples
        warn(f"training will take about {needed / 60:.0f} minutes, longer than --minutes allows")
    best = best_trial(fitting)
    if best.epochs is None:
        return best, 1
    # With fewer steps than in the comparison it would not be the network that was judged.
    least = -(-best.epochs * learnt // samples)
    if epochs[best.name] < least:
        warn(f"it trains for {least} epochs, as in the comparison: longer than --minutes allows")
    return best, max(epochs[best.name], least)


def _lowest_loss(trials: Sequence[Trial]) -> float:
    means = (float(trial.losses.mean()) for trial in trials if trial.losses is not None)
    return min(means, default=math.inf)


def hardly_beaten(trial: Trial) -> bool:
    """Return whether the loss is next to 0, and enough samples say so: no other can be lower."""
    if trial.losses is None or len(trial.losses) < _ENOUGH_JUDGES:
        return False
    return float(trial.losses.mean()) < _NEXT_TO_NONE


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the best trial, or the smallest that is much smaller, and not clearly worse."""
    losses = _of_common_judges(trials)
    place = min(range(len(trials)), key=lambda i: float(losses[i].mean()))
    best, lowest = trials[place], losses[place]
    equal = [best]
    for trial, each in zip(trials, losses, strict=True):
        worse = each - lowest  # sample by sample
        smaller = trial.weights <= _MUCH_SMALLER * best.weights
        if smaller and worse.mean() <= worse.std() / np.sqrt(len(worse)):
            equal.append(trial)
    return min(equal, key=lambda trial: trial.weights)


def _of_common_judges(trials: Sequence[Trial]) -> list[np.ndarray]:
    """Return the losses of the samples that every trial could read; a trial had losses."""
    if len({trial.judges for trial in trials}) == 1:
        return [trial.losses for trial in trials if trial.losses is not None]
    common = set.intersection(*(set(trial.judges) for trial in trials))
    return [
        trial.losses[[name in common for name in trial.judges]]
        for trial in trials
        if trial.losses is not None
    ]


def _table(trials: Sequence[Trial], best: Trial) -> str:
    """Return the candidates as a Markdown table, in the order in which they were tried."""
    lines = [
        "| start | accuracy | cross-entropy | epochs | numbers in the network | |",
        "|---|---|---|---|---|---|",
    ]
    for trial in trials:
        figures, remark = " | | | ", trial.why
        if trial.losses is not None:
            figures = (
                f"{100 * trial.accuracy:.1f} % | {trial.losses.mean():.3f} "
                f"| {trial.epochs or ''} | {trial.weights:,}"
            )
            remark = "chosen" if trial.name == best.name else ""
        lines.append(f"| {cell(trial.name)} | {figures} | {cell(remark)} |")
    return "\n".join(lines)


def _digest(recipe: Recipe, dataset: Dataset, minutes: float) -> str:
    """Return a digest of what a choice depends on, besides the clock."""
    asked = (recipe.seed, recipe.schedule, recipe.lineage, recipe.shares, minutes)
    facts = (*asked, dataset.sha256, dataset.keeps_case)
    table = as_table(dataset.samples)
    digest = hashlib.sha256(f"choice {facts} {table.group_names} {code_digest()}".encode())
    order = digest_order(table.keys)  # whatever the order of the files
    for column in (table.groups, table.fixed):
        digest.update(np.ascontiguousarray(column[order]).tobytes())
    return digest.hexdigest()
