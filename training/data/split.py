"""Splits by content hash, after deduplication (`training.data.duplicates`).

The split of a sample depends on its content alone. So it stays the same when the data set grows,
and the same file under two names cannot be in two splits.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from training.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Sample
from training.errors import BadData

FEW = 10  # a label with fewer samples causes a warning
MIN_PER_LABEL = 3  # one for each split


@dataclass(frozen=True, slots=True)
class Shares:
    """Percentages of the samples for validation and test.

    A content hash maps a sample to one of a hundred places. The test split takes `test` places,
    starting at `first`, and the validation split takes the next ones; another `first` gives another
    split.
    """

    validation: int = 10
    test: int = 15
    first: int = 0


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts of a data set."""

    train: Sequence[Sample]
    validation: Sequence[Sample]
    test: Sequence[Sample]

    def counts(self) -> dict[str, int]:
        """Return the number of samples of each part."""
        return {TRAIN: len(self.train), VALIDATION: len(self.validation), TEST: len(self.test)}


def check_classes(dataset: Dataset) -> list[str]:
    """Raise `BadData` unless there are two labels with enough samples each; return warnings."""
    counts = dataset.counts()
    if len(counts) < 2:
        only = ", ".join(counts) or "none"
        raise BadData(f"{dataset.name}: at least two labels are needed, found {only}")
    scarce = sorted(label for label, count in counts.items() if count < MIN_PER_LABEL)
    if scarce:
        raise BadData(
            f"{dataset.name}: every label needs at least {MIN_PER_LABEL} different samples; "
            f"too few: {', '.join(scarce[:10])}"
        )
    few = sorted(label for label, count in counts.items() if count < FEW)
    return [f"only {counts[label]} samples of {label!r}: its figures mean little" for label in few]


def split(samples: Iterable[Sample], shares: Shares) -> Splits:
    """Divide the samples; each split that is not prescribed has samples of all labels."""
    parts: dict[str, list[Sample]] = {TRAIN: [], VALIDATION: [], TEST: []}
    by_label: dict[str, list[Sample]] = defaultdict(list)
    prescribed = False
    for sample in sorted(samples, key=lambda s: s.digest):
        by_label[sample.label].append(sample)
        prescribed |= sample.fixed == TEST
    for label in sorted(by_label):
        held_out = shares if not prescribed else replace(shares, test=0)
        for part, group in _divide(by_label[label], held_out).items():
            parts[part] += group
    return Splits(parts[TRAIN], parts[VALIDATION], parts[TEST])


def split_validation(validation: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Divide the validation split; return the indices for selection and for calibration.

    A third selects the epoch and the temperature. The rest calibrates thresholds: a conformal
    threshold is valid only if nothing was fitted to its samples. The division uses another part of
    the content hash than `split`.
    """
    places = range(len(validation))
    selection = [i for i in places if int(validation[i].digest[8:16], 16) % 3 == 0]
    selection = selection or [*places][:1]
    return selection, sorted(set(places) - set(selection))


def split_calibration(samples: Sequence[Sample]) -> tuple[list[int], list[int], list[int]]:
    """Divide samples that nothing was trained on; return indices for selection, calibration, test.

    Half of the samples, by content, are for the test; `split_validation` divides the others.
    """
    test = [i for i, sample in enumerate(samples) if int(sample.digest[:8], 16) % 2]
    others = sorted(set(range(len(samples))) - set(test))
    parts = split_validation([samples[i] for i in others])
    selection, calibration = ([others[i] for i in part] for part in parts)
    return selection, calibration, test


def _divide(samples: list[Sample], shares: Shares) -> dict[str, list[Sample]]:
    parts: dict[str, list[Sample]] = {TRAIN: [], VALIDATION: [], TEST: []}
    for sample in samples:
        place = (int(sample.digest[:8], 16) - shares.first) % 100
        if sample.fixed:
            parts[sample.fixed].append(sample)
        elif place < shares.test:
            parts[TEST].append(sample)
        else:
            chosen_by = place < shares.test + shares.validation
            parts[VALIDATION if chosen_by else TRAIN].append(sample)
    held_out = ((TEST, shares.test), (VALIDATION, shares.validation))
    wanted = [TRAIN, *(part for part, share in held_out if share)]
    for part in wanted:  # few samples may all fall on one side
        donor = max(wanted, key=lambda name: len(parts[name]))
        movable = [sample for sample in parts[donor] if not sample.fixed]
        if not parts[part] and movable and len(parts[donor]) > 1:
            parts[donor].remove(movable[0])
            parts[part].append(movable[0])
    return parts
