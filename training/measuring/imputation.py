"""Noisy linear imputation of removed pixels, without the noise.

Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", ICML 2022:
each removed pixel becomes the mean of its eight neighbours, removed or not; the four nearer ones
count twice. A flat colour would leave squares whose edges a network sees. The paper adds noise so
that the shape of the hole cannot be read; this module does not.
"""

import numpy as np
from scipy.sparse import csc_matrix  # type: ignore[import-untyped]
from scipy.sparse.linalg import splu  # type: ignore[import-untyped]

_WEIGHTS = {
    (down, right): 1.0 if down and right else 2.0
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if down or right
}


def impute(image: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Return the image, uint8 (height, width, channels), with the pixels of `gone` replaced.

    gone: bool (height, width), false somewhere.
    """
    rows, columns = np.nonzero(gone)
    number = np.full(gone.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    total, known = np.zeros(len(rows)), np.zeros((len(rows), image.shape[2]))
    entries = []  # of the matrix: row, column, value
    for (down, right), weight in _WEIGHTS.items():
        row, column = rows + down, columns + right
        inside = (row >= 0) & (row < gone.shape[0]) & (column >= 0) & (column < gone.shape[1])
        pixels = np.flatnonzero(inside)
        total[pixels] += weight
        row, column = row[pixels], column[pixels]
        there = number[row, column] < 0
        known[pixels[there]] += weight * image[row[there], column[there]]
        others = number[row[~there], column[~there]]
        entries.append((pixels[~there], others, np.full(len(others), -weight)))
    entries.append((np.arange(len(rows)), np.arange(len(rows)), total))
    at, by, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    solved = splu(csc_matrix((values, (at, by)), shape=(len(rows),) * 2)).solve(known)
    whole = image.copy()
    whole[rows, columns] = np.clip(np.round(solved), 0, 255).astype(image.dtype)
    return whole
