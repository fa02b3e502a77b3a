"""The candidates of `--start auto` for some samples, and the samples that they learn from.

The candidates of a modality are its linear model, its network from scratch, and a trained network
that is frozen or tuned. Each learns from a part of the training split, of at most `MOST_LEARNT`
samples; another part of it judges them, which has no group in common with the first. Neither the
calibration part nor the test split is opened for that.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.dataset import Dataset, Sample, as_table, choose
from training.data.evenly import evenly_by_label
from training.data.reading.read import modality as modality_of
from training.data.split import split, split_validation
from training.data.split_units import units_of
from training.errors import TrainingError
from training.modalities import TrainingModalities
from training.recipes.recipe import Recipe, Start
from training.runs.candidates import ComparisonParts
from training.transfer import start_samples

_LOG = logging.getLogger(__name__)
MOST_LEARNT = 8_000  # training samples that the candidates learn from
_JUDGED = 5  # one training sample of so many judges the candidates
# Those first that take the time that they need; the others take what they get.
_STARTS: tuple[Start, ...] = ("linear", "features", "scratch", "pretrained")


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared, and on which samples.

    learnable: the number of samples of the final training. samples: of all.
    """

    candidates: tuple[Recipe, ...]
    labels: tuple[str, ...]
    parts: ComparisonParts
    learnable: int
    samples: int


def prepare_contest(
    recipe: Recipe, dataset: Dataset, models: Path, modalities: TrainingModalities
) -> Contest:
    """Return the candidates for the samples, and the parts of them that decide.

    dataset: loaded and checked. models: the folder of published bundles.
    """
    candidates = _candidates(recipe, dataset, models, modalities)
    parts, learnable = _parts(recipe, dataset)
    labels = tuple(sorted(dataset.counts()))
    return Contest(tuple(candidates), labels, parts, learnable, len(dataset.samples))


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
