"""Splits by content hash, after deduplication (`training.data.duplicates`).

The split of a sample depends on its content alone, or on its group's name where it has one. So it
stays the same when the data set grows, the same file under two names cannot be in two splits, and
no group is in two splits. Where the hash leaves a part without a rare label, the samples whose
hashes are nearest to the part's range move there; `Splits.pinned` names them, so that a later
split with more data keeps them. The samples' payloads are not read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from training.data.dataset import (
    FIXED,
    TEST,
    TRAIN,
    VALIDATION,
    Dataset,
    Sample,
    as_table,
    choose,
)
from training.data.split_units import Units, fill, units_of
from training.errors import BadData

FEW = 10  # a label with fewer samples causes a warning
MIN_PER_LABEL = 3  # one for each split
ENOUGH_FOR_PARTS = 8  # samples of a label, of which each part can have two
SPLIT_NAMES = (TRAIN, VALIDATION, TEST)
Rule = Literal[1, 2]
_TRAIN, _VALIDATION, _TEST = range(3)
_PLACES = 100


@dataclass(frozen=True, slots=True)
class Shares:
    """Percentages of the samples for validation and test.

    A content hash maps a sample to one of a hundred places. The test split takes `test` places,
    starting at `first`, and the validation split takes the next ones; another `first` gives another
    split. rule: 1 is that of shipped recipes: groups may be in several splits, each part has one
    sample of a label at least, and a part of the validation split may lack labels. 2: see the
    module. pinned: the splits that samples had before, as in `Splits.pinned`.
    """

    validation: int = 10
    test: int = 15
    first: int = 0
    rule: Rule = 2
    pinned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts of a data set.

    pinned: the split of each sample that a split of more data might put elsewhere, as its label is
    rare, and of each group, which might move for a rare label; by the first 16 hexadecimal digits
    of what decides on its split.
    """

    train: Sequence[Sample]
    validation: Sequence[Sample]
    test: Sequence[Sample]
    pinned: Mapping[str, str] = field(default_factory=dict)

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
    """Divide the samples; each split that is not prescribed has samples of all labels.

    Where the authors put every sample somewhere, a split that they did not make is taken from
    their training split. Where groups are too few, a label is missing in a part.
    """
    samples = samples if isinstance(samples, Sequence) else list(samples)
    table = as_table(samples)
    units = units_of(table, grouped=shares.rule == 2)
    shares = _not_prescribed(shares, table.fixed)
    places = (units.number(0) - shares.first) % _PLACES
    by_hash = _by_hash(places, shares)
    prescribed = units.shared(table.fixed) if shares.rule == 2 else table.fixed
    frozen = prescribed > 0
    if shares.rule == 2 and table.fixed.all() and (shares.validation or shares.test):
        frozen = prescribed != FIXED.index(TRAIN)  # else nothing could be in the other parts
    parts = np.where(frozen, prescribed - FIXED.index(TRAIN), by_hash).astype(np.int8)
    held_out = ((_TEST, shares.test), (_VALIDATION, shares.validation))
    wanted = [_TRAIN, *(part for part, share in held_out if share)]
    if shares.rule == 1:
        moved = _one_of_each(parts, units, wanted, frozen)
        return _parted(samples, units.sorted_rows(moved), parts)
    known = _pin(parts, units, shares.pinned, wanted, frozen)
    distances = {part: _distance(places, part, shares) for part in wanted}
    least = np.where(units.counts() >= ENOUGH_FOR_PARTS, 2, 1)
    fill(parts, units, distances, least, frozen | known)
    rare = units.counts() < ENOUGH_FOR_PARTS
    for part in wanted:
        rare |= units.counts(parts == part) < least
    unsure = (parts != by_hash) | rare[units.labels] | (units.groups >= 0)
    pinned = _pinned(parts, units, ~frozen & unsure)
    found = _parted(samples, units.sorted_rows(), parts)
    return replace(found, pinned={**shares.pinned, **pinned})


def split_validation(validation: Sequence[Sample], rule: Rule = 2) -> tuple[list[int], list[int]]:
    """Divide the validation split; return the indices for selection and for calibration.

    A third selects the epoch and the temperature. The rest calibrates thresholds: a conformal
    threshold is valid only if nothing was fitted to its samples. The division uses another part of
    the content hash than `split`. Both hold every label that has two samples; the only sample of a
    label selects. No group is in both.
    """
    units = units_of(as_table(validation), grouped=rule == 2)
    parts = np.where(units.number(4) % 3 == 0, 0, 1).astype(np.int8)
    if rule == 2:
        parts[(units.counts()[units.labels] == 1) & (units.groups < 0)] = 0
        _fill_both(parts, units, units.number(4))
    selection = np.flatnonzero(parts == 0).tolist() or [*range(len(validation))][:1]
    return selection, sorted(set(range(len(validation))) - set(selection))


def split_calibration(
    samples: Sequence[Sample], rule: Rule = 2
) -> tuple[list[int], list[int], list[int]]:
    """Divide samples that nothing was trained on; return indices for selection, calibration, test.

    Half of the samples, by content or by group, are for the test, also of every label that has two
    samples; `split_validation` divides the others.
    """
    units = units_of(as_table(samples), grouped=rule == 2)
    parts = (units.number(0) % 2).astype(np.int8)
    if rule == 2:
        _fill_both(parts, units, units.number(0))
    test, others = (np.flatnonzero(parts == part).tolist() for part in (1, 0))
    halves = split_validation(choose(samples, others), rule)
    selection, calibration = ([others[i] for i in part] for part in halves)
    return selection, calibration, test


def _fill_both(parts: np.ndarray, units: Units, number: np.ndarray) -> None:
    """Give each of two parts one sample at least of each label that has two, in place."""
    least, frozen = np.ones(units.labels_count, dtype=np.int64), np.zeros(len(parts), dtype=bool)
    fill(parts, units, {0: number, 1: -number}, least, frozen)


def _not_prescribed(shares: Shares, fixed: np.ndarray) -> Shares:
    """Return the shares without those of the parts that the authors made."""
    if (fixed == FIXED.index(TEST)).any():
        shares = replace(shares, test=0)
    if shares.rule == 2 and (fixed == FIXED.index(VALIDATION)).any():
        shares = replace(shares, validation=0)
    return shares


def _by_hash(places: np.ndarray, shares: Shares) -> np.ndarray:
    """Return the part of each place, int8 (samples,)."""
    parts = np.full(len(places), _TRAIN, dtype=np.int8)
    parts[places < shares.test + shares.validation] = _VALIDATION
    parts[places < shares.test] = _TEST
    return parts


def _pin(
    parts: np.ndarray,
    units: Units,
    pinned: Mapping[str, str],
    wanted: Sequence[int],
    frozen: np.ndarray,
) -> np.ndarray:
    """Put what was pinned where it was; return which samples these are, bool (samples,)."""
    names, known = units.names(), np.zeros(len(parts), dtype=bool)
    for part in wanted:
        mine = [int(name, 16) for name, kept in pinned.items() if kept == SPLIT_NAMES[part]]
        found = np.isin(names, np.asarray(mine, dtype=np.uint64)) & ~frozen
        parts[found], known = part, known | found
    return known


def _distance(places: np.ndarray, part: int, shares: Shares) -> np.ndarray:
    """Return how many places each sample is from the range of a part; places form a circle."""
    held_out = shares.test + shares.validation
    low, high = {
        _TEST: (0, shares.test),
        _VALIDATION: (shares.test, held_out),
        _TRAIN: (held_out, _PLACES),
    }[part]
    outside = (places < low) | (places >= high)
    return np.where(outside, np.minimum((low - places) % _PLACES, (places - high + 1) % _PLACES), 0)


def _pinned(parts: np.ndarray, units: Units, chosen: np.ndarray) -> dict[str, str]:
    """Return the split of each chosen unit, bool (samples,), by its name."""
    names = units.names()
    return {f"{names[i]:016x}": SPLIT_NAMES[parts[i]] for i in np.flatnonzero(chosen)}


def _one_of_each(
    parts: np.ndarray, units: Units, wanted: Sequence[int], frozen: np.ndarray
) -> np.ndarray:
    """Give each part one sample of each label, the lowest hash of the largest part (rule 1).

    Returns which samples moved, bool (samples,).
    """
    moved = np.zeros(len(parts), dtype=bool)
    lacking = [
        label for part in wanted for label in np.flatnonzero(units.counts(parts == part) == 0)
    ]
    for label in sorted({int(label) for label in lacking}):
        rows = units.rows_of(label)
        for part in wanted:
            sizes = [int((parts[rows] == other).sum()) for other in wanted]
            donor = wanted[int(np.argmax(sizes))]
            movable = rows[(parts[rows] == donor) & ~frozen[rows]]
            if not (parts[rows] == part).any() and len(movable) and max(sizes) > 1:
                parts[movable[0]], moved[movable[0]] = part, True
    return moved


def _parted(samples: Sequence[Sample], rows: np.ndarray, parts: np.ndarray) -> Splits:
    """Return the parts, each in the order of `rows`, int64 (samples,)."""
    train, validation, test = (choose(samples, rows[parts[rows] == part]) for part in range(3))
    return Splits(train, validation, test)
