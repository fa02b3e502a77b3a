"""Answers → figures: accuracy, balanced accuracy, their standard errors, coverage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from benchmarks.quality.answers import Answers

Verdict = Literal["ahead", "equal", "behind"]
CONFIDENCE = 0.95  # of the interval of a measured coverage


@dataclass(frozen=True)
class Figures:
    """What is kept of a contestant on a set; `failed` alone where it gave no answers.

    error, balanced_error: standard errors. covered: test samples whose prediction set holds the
    label, of `test`. promised: the coverage that the bundle promises.
    """

    test: int = 0
    accuracy: float = 0.0
    error: float = 0.0
    balanced: float = 0.0
    balanced_error: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    remark: str = ""
    covered: int | None = None
    promised: float | None = None
    set_size: float | None = None
    failed: str = ""


def score(answers: Answers, truth: Sequence[str]) -> Figures:
    """Return the figures; raise `ValueError` where answers and samples differ in number."""
    counts = Counter(truth)
    hits = Counter(t for t, label in zip(truth, answers.labels, strict=True) if t == label)
    recalls = {label: hits[label] / count for label, count in counts.items()}
    accuracy = hits.total() / len(truth)
    variance = sum(recalls[label] * (1 - recalls[label]) / n for label, n in counts.items())
    covered = size = None
    if answers.sets is not None:
        covered = sum(t in credible for t, credible in zip(truth, answers.sets, strict=True))
        size = round(sum(map(len, answers.sets)) / len(truth), 3)
    return Figures(
        len(truth),
        round(accuracy, 6),
        round(binomial_error(accuracy, len(truth)), 6),
        round(sum(recalls.values()) / len(counts), 6),
        round(sqrt(variance) / len(counts), 6),
        round(answers.seconds, 1),
        round(answers.cpu_seconds, 1),
        round(answers.megabytes, 3),
        answers.remark,
        covered,
        answers.promised,
        size,
    )


def binomial_error(share: float, count: int) -> float:
    """Return the standard error of a share of `count` samples."""
    return sqrt(share * (1 - share) / count)


def verdict(ours: Figures, other: Figures) -> Verdict:
    """Compare the accuracies: equal means within one standard error, of their mean."""
    error = binomial_error((ours.accuracy + other.accuracy) / 2, ours.test)
    return _compared(ours.accuracy - other.accuracy, error)


def balanced_verdict(ours: Figures, other: Figures) -> Verdict:
    """Compare the balanced accuracies; the standard error is the larger of the two."""
    error = max(ours.balanced_error, other.balanced_error)
    return _compared(ours.balanced - other.balanced, error)


def _compared(difference: float, error: float) -> Verdict:
    if abs(difference) <= error:
        return "equal"
    return "ahead" if difference > 0 else "behind"


def coverage_interval(figures: Figures) -> tuple[float, float] | None:
    """Return the exact binomial interval of the measured coverage, if there are prediction sets."""
    if figures.covered is None:
        return None
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    interval = binomtest(figures.covered, figures.test).proportion_ci(CONFIDENCE)
    return float(interval.low), float(interval.high)
