"""Samples whose labels are probably wrong: a confident linear model disagrees with them.

In the manner of confident learning: Northcutt, Jiang and Chuang, "Confident Learning: Estimating
Uncertainty in Dataset Labels", JAIR 70, 2021. The probabilities are out of fold: no model judges a
sample that it was fitted to. A sample is suspected where the model gives it another label, and is
as sure of it as of three quarters of the samples of that label with which it agrees (the paper
takes the mean over all samples of the label, which half of the wrong labels of an easy class miss).
The largest margin over the given label comes first. It is a hint for a person: a weak model
suspects right labels too.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from training.baselines.linear import LinearBaseline, one_thread
from training.data.dataset import name_of
from training.data.encode import Examples

_FOLDS = 3
_QUARTER = 0.25


@dataclass(frozen=True, slots=True)
class Suspect:
    """A sample, its label, and the label that the model gives it, with its probability 0..1."""

    name: str
    given: str
    likely: str
    probability: float


@dataclass(frozen=True, slots=True)
class SuspectReport:
    """Suspected labels, the most suspicious first, among so many samples."""

    suspects: tuple[Suspect, ...]
    samples: int


def suspected_labels(
    baseline: LinearBaseline, parts: Sequence[Examples], labels: Sequence[str]
) -> SuspectReport:
    """Return the samples of these parts whose labels are probably wrong.

    Of more than `baseline.most` samples only so many are judged.
    """
    share = min(baseline.most / max(sum(map(len, parts)), 1), 1.0)
    rows, names, targets = list[Any](), list[str](), list[int]()
    for part in parts:
        step = np.arange(len(part)) if share == 1 else _spread(part.targets, share)
        found = baseline.rows(part, step.tolist())
        rows += list(found)
        names += [name_of(part.samples, i) for i in step.tolist()]
        targets += part.targets[step].tolist()
    given = np.asarray(targets)
    if len(given) < 2 * _FOLDS or len(np.unique(given)) < 2:
        return SuspectReport((), len(given))
    values = rows if isinstance(rows[0], str) else np.asarray(rows)
    probabilities = _out_of_fold(baseline, values, given, len(labels))
    return SuspectReport(tuple(_suspects(probabilities, given, names, labels)), len(given))


def _spread(targets: np.ndarray, share: float) -> np.ndarray:
    """Return evenly spread places, in proportion of the labels."""
    by_label = np.argsort(targets, kind="stable")
    count = max(round(share * len(targets)), 1) if len(targets) else 0
    return np.sort(by_label[np.linspace(0, len(targets) - 1, count).astype(int)])


def _out_of_fold(baseline: LinearBaseline, rows: Any, given: np.ndarray, labels: int) -> np.ndarray:
    """Return the probabilities of all labels, float64 (samples, labels)."""
    present = np.unique(given)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels with fewer samples than folds
        model = baseline.model(labels, len(given))
        found = cross_val_predict(model, rows, given, cv=folds, method="predict_proba")
    probabilities = np.zeros((len(given), labels))
    probabilities[:, present] = found
    return probabilities


def _suspects(
    probabilities: np.ndarray, given: np.ndarray, names: Sequence[str], labels: Sequence[str]
) -> list[Suspect]:
    places, likely = np.arange(len(given)), probabilities.argmax(axis=1)
    own, best = probabilities[places, given], probabilities[places, likely]
    sure = np.full(len(labels), np.inf)
    for label in np.unique(given[likely == given]):
        sure[label] = np.quantile(own[(given == label) & (likely == given)], _QUARTER)
    suspected = np.flatnonzero((likely != given) & (best >= sure[likely]))
    ordered = suspected[np.argsort(own[suspected] - best[suspected], kind="stable")]
    return [
        Suspect(names[i], labels[given[i]], labels[likely[i]], float(best[i]))
        for i in ordered.tolist()
    ]
