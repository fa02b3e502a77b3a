"""Folds have all labels, and no group is in two of them."""

import numpy as np

from tests.training.samples import sample
from training.data.folds import FOLDS, folds_of


def test_each_label_is_spread_over_the_folds():
    targets = np.array([0] * 23 + [1] * 5 + [2] * 2)
    folds = folds_of([sample(f"{i}", str(t)) for i, t in enumerate(targets)], targets)
    counts = np.stack([np.bincount(folds[targets == label], minlength=FOLDS) for label in range(3)])
    assert counts[0].min() == 4 and counts[0].max() == 5
    assert counts[1].tolist() == [1] * FOLDS
    assert counts[2, 0] == 0 and counts[2].sum() == 2


def test_a_group_is_in_one_fold():
    samples = [sample(f"{i}", "ab"[i % 2], group=f"speaker {i % 30}") for i in range(120)]
    folds = folds_of(samples, np.arange(120) % 2)
    assert set(folds) == set(range(FOLDS))
    assert all(len({folds[i] for i in range(who, 120, 30)}) == 1 for who in range(30))


def test_a_label_of_one_group_is_divided():
    samples = [sample(f"{i}", "ab"[i % 2], group="ab"[i % 2]) for i in range(40)]
    folds = folds_of(samples, np.arange(40) % 2)
    assert all({0, 1} == set((np.arange(40) % 2)[folds != fold]) for fold in range(FOLDS))
