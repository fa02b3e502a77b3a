"""A part of many samples that stands for all: of each label in proportion, the same every time."""

import numpy as np


def evenly_by_label(targets: np.ndarray, most: int) -> np.ndarray:
    """Return the places of at most about `most` samples, ascending, int64.

    Each label has its share of them and one at least. targets: int64 (samples,).
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    by_label = np.argsort(targets, kind="stable")
    evenly = by_label[np.linspace(0, len(targets) - 1, most).astype(int)]
    first = np.unique(targets, return_index=True)[1]
    return np.unique(np.concatenate([evenly, first]))
