"""Whether a row of samples grows: the detector of leaks, which is tested with planted ones.

A measurement of memory has steps and outliers, so the slope is Theil and Sen's, the median of those
of all pairs of samples (Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau",
JASA 1968), and the growth is a difference of medians.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

_WARM = 0.2  # share of the samples in which caches fill and pools of threads grow
_EDGE = 3  # samples at each end, whose median counts


def settled(samples: Sequence[float]) -> Sequence[float]:
    """Return the last 80 % of the samples."""
    return samples[int(len(samples) * _WARM) :]


def slope(where: Sequence[float], samples: Sequence[float]) -> float:
    """Return the growth of the settled samples for each unit of `where`; 0 of a single sample."""
    points = list(zip(settled(where), settled(samples), strict=True))
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    return median(slopes) if slopes else 0.0


def growth(samples: Sequence[float]) -> float:
    """Return how much larger the last settled samples are than the first."""
    kept = settled(samples)
    return median(kept[-_EDGE:]) - median(kept[:_EDGE])
