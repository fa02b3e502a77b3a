"""Two versions of a classifier on the same samples: is the new one worse, or a guess?

Balanced accuracy is the mean of the labels' recalls (Brodersen et al., "The Balanced Accuracy and
Its Posterior Distribution", ICPR 2010), over the labels that the samples have. The two versions
answer the same samples, so the standard error is that of the mean of the paired differences: a
sample counts 1 where only the new version is right, -1 where only the old one is, else 0. Labels
are strata of equal weight (Cochran, "Sampling Techniques", 1977, chapter 5): the variance of the
difference is the mean over the labels of s² / n, divided by their number. A label with one sample
has no variance of its own; it takes that of all samples, in the manner of collapsed strata (5A.12).

A difference of up to one standard error is no difference, the rule by which Breiman et al. choose
among trees ("Classification and Regression Trees", 1984, chapter 3.4.3). The sums are exact: where
one answer changes, difference and standard error are equal, and rounding must not decide.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from app.errors import Unavailable
from app.pipeline import Pipeline, make_items
from training.data.dataset import Sample, as_table, choose, digest_order

MOST_COMPARED = 2_000  # samples, so that a comparison takes seconds
_BATCH = 32


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """How often two versions are right about the same samples.

    before, after: balanced accuracy of the old and the new version, 0..1. variance: of their
    difference. after_variance: of the new version's. chance: the balanced accuracy of a guess.
    gained, lost: the samples about which only the new or only the old one is right.
    """

    before: Fraction
    after: Fraction
    variance: Fraction
    after_variance: Fraction
    chance: Fraction
    samples: int
    gained: int
    lost: int

    @property
    def difference(self) -> float:
        """The balanced accuracy that the new version gains, -1..1."""
        return float(self.after - self.before)

    @property
    def standard_error(self) -> float:
        """The standard error of the difference."""
        return sqrt(self.variance)

    @property
    def is_worse(self) -> bool:
        """Whether the new version's is lower by more than one standard error."""
        return self.after < self.before and (self.after - self.before) ** 2 > self.variance

    @property
    def is_a_guess(self) -> bool:
        """Whether the new version's is not above chance by more than one standard error.

        Labels that were shuffled make it so, and the old version looks as bad on them.
        """
        above = self.after - self.chance
        return above <= 0 or above**2 <= self.after_variance


def compare_answers(
    labels: Sequence[str], before: Sequence[bool], after: Sequence[bool]
) -> VersionComparison:
    """Compare which samples, of these labels, the old and the new version are right about."""
    changes = [int(new) - int(old) for old, new in zip(before, after, strict=True)]
    old, (new, after_variance) = _mean_by_label(labels, before)[0], _mean_by_label(labels, after)
    return VersionComparison(
        before=old,
        after=new,
        variance=_mean_by_label(labels, changes)[1],
        after_variance=after_variance,
        chance=Fraction(1, len(set(labels))),
        samples=len(labels),
        gained=changes.count(1),
        lost=changes.count(-1),
    )


def right_answers(pipeline: Pipeline, samples: Sequence[Sample]) -> list[bool]:
    """Return about which samples the top label of a version is right; abstaining changes nothing.

    The version answers as it serves. It is wrong about a sample that it cannot read or has no valid
    answer to. Raises `Unavailable` where the machine is short of something.
    """
    options, top_answer = pipeline.task.options(), pipeline.task.top_answer
    right = []
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        answers = pipeline.answer(make_items([sample.payload for sample in batch], options))
        for sample, result in zip(batch, answers, strict=True):
            if isinstance(result, Unavailable):
                raise result
            answer = None if isinstance(result, Exception) else top_answer(result.answer)[0]
            right.append(answer == sample.label)
    return right


def draw_samples(samples: Sequence[Sample], most: int = MOST_COMPARED) -> Sequence[Sample]:
    """Return at most about `most` samples, the first ones of each label by digest, as many of each.

    The same samples give the same ones in the same order, whatever their order was. None is read.
    """
    table = as_table(samples)
    by_label: dict[str, list[int]] = defaultdict(list)
    for place in digest_order(table.keys).tolist():
        by_label[table.label_names[table.labels[place]]].append(place)
    each = max(1, most // max(1, len(by_label)))
    drawn = [place for label in sorted(by_label) for place in by_label[label][:each]]
    return choose(samples, drawn)


def _mean_by_label(labels: Sequence[str], values: Sequence[int]) -> tuple[Fraction, Fraction]:
    """Return the mean of the labels' means, and its variance."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for label, value in zip(labels, values, strict=True):
        by_label[label].append(int(value))
    groups = list(by_label.values())
    mean = sum((Fraction(sum(group), len(group)) for group in groups), Fraction()) / len(groups)
    spread = (_variance(group if len(group) > 1 else values) / len(group) for group in groups)
    return mean, sum(spread, Fraction()) / len(groups) ** 2


def _variance(values: Sequence[int]) -> Fraction:
    """Return the unbiased variance; 0 of a single value."""
    count, total = len(values), sum(values)
    if count < 2:
        return Fraction()
    return (sum(value * value for value in values) - Fraction(total * total, count)) / (count - 1)
