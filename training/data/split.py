"""Honest splits: by content hash, after deduplication.

The split of a sample depends on its content alone, so it stays where it is when the data
set grows, and the same file under two names cannot stand on both sides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from training.data.dataset import Dataset, Sample
from training.errors import BadData

TRAIN, VALIDATION, TEST = "train", "validation", "test"
FEW = 10  # a class with fewer samples is warned about
FEWEST = 3  # one for each split


@dataclass(frozen=True, slots=True)
class Shares:
    """Percent of the samples held out for choosing and for the final figure.

    Of the hundred places that a content hash can name, the test split takes `test` from `first`
    on and the validation split the next ones; another `first` is another split.
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


def deduplicate(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Keep the first of equal samples; drop all of those whose labels contradict.

    Of copies that the authors put in different splits the one in `test` goes, so that
    nothing that was trained on is tested. Returns what was done, one line each.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        groups[sample.digest].append(sample)
    kept, copies, remarks = [], 0, []
    for group in groups.values():
        if len({sample.label for sample in group}) > 1:
            names = ", ".join(f"{s.name} ({s.label})" for s in group[:3])
            remarks.append(f"same content, different labels, all dropped: {names}")
            continue
        copies += len(group) - 1
        kept.append(min(group, key=lambda sample: sample.fixed == TEST))
    if copies:
        remarks.insert(0, f"{copies} duplicate(s) dropped")
    return replace(dataset, samples=kept), remarks


def check_classes(dataset: Dataset) -> list[str]:
    """Raise `BadData` unless there is something to tell apart; return warnings."""
    counts = dataset.counts()
    if len(counts) < 2:
        only = ", ".join(counts) or "none"
        raise BadData(f"{dataset.name}: at least two labels are needed, found {only}")
    scarce = sorted(label for label, count in counts.items() if count < FEWEST)
    if scarce:
        raise BadData(
            f"{dataset.name}: every label needs at least {FEWEST} different samples; "
            f"too few: {', '.join(scarce[:10])}"
        )
    few = sorted(label for label, count in counts.items() if count < FEW)
    return [f"only {counts[label]} samples of {label!r}: its figures mean little" for label in few]


def split(samples: Iterable[Sample], shares: Shares) -> Splits:
    """Divide the samples; every label stands in every part that is not prescribed."""
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
    """Return which validation samples choose (the epoch, the temperature) and which calibrate.

    A third chooses and the rest calibrates, by another part of the content hash than `split` reads:
    a conformal threshold holds only where nothing was fitted to the samples that set it.
    """
    places = range(len(validation))
    chosen = [i for i in places if int(validation[i].digest[8:16], 16) % 3 == 0] or [*places][:1]
    return chosen, sorted(set(places) - set(chosen))


def split_calibration(samples: Sequence[Sample]) -> tuple[list[int], list[int], list[int]]:
    """Return which of samples that nothing was trained on choose, which calibrate, and which judge.

    Half of them judge; of the others a third chooses, as in `split_validation`. By their content.
    """
    judge = [i for i, sample in enumerate(samples) if int(sample.digest[:8], 16) % 2]
    others = sorted(set(range(len(samples))) - set(judge))
    parts = split_validation([samples[i] for i in others])
    choose, calibrate = ([others[i] for i in part] for part in parts)
    return choose, calibrate, judge


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
