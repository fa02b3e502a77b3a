"""Parts of the training samples that choose a setting in turn, while the others are learnt from."""

from collections.abc import Sequence

import numpy as np

from training.data.dataset import Sample, as_table
from training.data.split_units import units_of

FOLDS = 5


def folds_of(samples: Sequence[Sample], targets: np.ndarray) -> np.ndarray:
    """Return the fold of each sample, from 0 below `FOLDS`, int64 (samples,).

    Of each label the folds have the same number of samples, as far as possible; a label with fewer
    samples than folds is not in fold 0. Where samples are in groups, a group is in one fold, by its
    digest, unless a label were in no other fold then. targets: int64 (samples,).
    """
    units = units_of(as_table(samples), grouped=True)
    if (units.groups >= 0).any():
        folds = units.number(12) % FOLDS
        if all(_has_all(targets[folds != fold], targets) for fold in range(FOLDS)):
            return folds
    order = np.argsort(targets, kind="stable")
    starts = np.searchsorted(targets[order], targets[order])  # of each label's run
    folds = np.empty(len(targets), dtype=np.int64)
    folds[order] = FOLDS - 1 - (np.arange(len(targets)) - starts) % FOLDS
    return folds


def _has_all(some: np.ndarray, targets: np.ndarray) -> bool:
    return len(np.unique(some)) == len(np.unique(targets))
