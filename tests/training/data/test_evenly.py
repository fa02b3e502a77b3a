"""A part of many samples: in proportion, with every label."""

import numpy as np

from training.data.evenly import evenly_by_label


def test_each_label_has_its_share_and_one_at_least() -> None:
    targets = np.asarray([0] * 900 + [1] * 99 + [2])
    places = evenly_by_label(targets, 100)
    counts = np.bincount(targets[places])
    assert 100 <= len(places) <= 103
    assert sorted(places.tolist()) == places.tolist()
    assert counts[2] == 1
    assert 88 <= counts[0] <= 92


def test_of_few_samples_all_are_taken() -> None:
    assert evenly_by_label(np.asarray([0, 1, 1]), 3).tolist() == [0, 1, 2]
    assert evenly_by_label(np.zeros(0, np.int64), 5).tolist() == []
