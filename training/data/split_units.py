"""What a split keeps together: the samples of a group, or one sample; and rare labels in each part.

A unit has a digest, which decides on its part: of the group's name where there is a group, else of
the sample's content.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.data.dataset import SampleTable, digest_order

_WORDS = (3, 2, 1, 0)  # of a digest, as lexsort wants them: the first decides last


@dataclass(frozen=True, slots=True)
class Units:
    """Samples in columns, with what decides on their parts.

    labels: the rank of each sample's label by name, int64 (samples,). keys: the digest of each
    sample, uint8 (samples, 32). digests: of each sample's unit, uint8 (samples, 32). groups: the
    number of each sample's group, -1 without one, int64 (samples,).
    """

    labels: np.ndarray
    labels_count: int
    keys: np.ndarray
    digests: np.ndarray
    groups: np.ndarray

    def number(self, start: int) -> np.ndarray:
        """Return four bytes of the units' digests as a number, int64 (samples,)."""
        found = np.ascontiguousarray(self.digests[:, start : start + 4]).view(">u4")
        return found.ravel().astype(np.int64)

    def names(self) -> np.ndarray:
        """Return the first eight bytes of the units' digests as a number, uint64 (samples,)."""
        found = np.ascontiguousarray(self.digests[:, :8]).view(">u8")
        return found.ravel().astype(np.uint64)

    def counts(self, among: np.ndarray | None = None) -> np.ndarray:
        """Return the number of samples of each label; among: bool (samples,)."""
        labels = self.labels if among is None else self.labels[among]
        return np.bincount(labels, minlength=self.labels_count)

    def shared(self, fixed: np.ndarray) -> np.ndarray:
        """Return `fixed`, int8 (samples,), with the part of its group for a sample without one."""
        grouped = self.groups >= 0
        if not grouped.any() or not fixed.any():
            return fixed
        known = np.zeros(int(self.groups.max()) + 1, dtype=fixed.dtype)
        np.maximum.at(known, self.groups[grouped], fixed[grouped])
        return np.where((fixed == 0) & grouped, known[np.maximum(self.groups, 0)], fixed)

    def sorted_rows(self, last: np.ndarray | None = None) -> np.ndarray:
        """Return the samples by label, then by digest; last: bool (samples,), those after these."""
        words = np.ascontiguousarray(self.keys).view(">u8")
        later = np.zeros(len(self.labels), dtype=bool) if last is None else last
        return np.lexsort((*(words[:, i] for i in _WORDS), later, self.labels))

    def rows_of(self, label: int) -> np.ndarray:
        """Return the samples of a label by digest."""
        rows = np.flatnonzero(self.labels == label)
        return rows[digest_order(self.keys[rows])]

    def members(self, row: int) -> np.ndarray:
        """Return the samples of the unit of a sample."""
        group = self.groups[row]
        return np.asarray([row]) if group < 0 else np.flatnonzero(self.groups == group)


def units_of(table: SampleTable, *, grouped: bool) -> Units:
    """Return the units of a table; grouped: samples of one group stay together."""
    order = sorted(range(len(table.label_names)), key=lambda i: table.label_names[i])
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    named = np.asarray([bool(name) for name in table.group_names], dtype=bool)
    in_group = named[table.groups] & grouped if len(table) else np.zeros(0, dtype=bool)
    digests = table.keys
    if in_group.any():
        names = [hashlib.sha256(name.encode()).digest() for name in table.group_names]
        each = np.frombuffer(b"".join(names), dtype=np.uint8).reshape(len(names), -1)
        digests = np.where(in_group[:, None], each[table.groups], table.keys)
    return Units(
        labels=ranks[table.labels],
        labels_count=len(order),
        keys=table.keys,
        digests=digests,
        groups=np.where(in_group, table.groups, -1).astype(np.int64),
    )


def fill(
    parts: np.ndarray,
    units: Units,
    distances: Mapping[int, np.ndarray],
    least: np.ndarray,
    frozen: np.ndarray,
) -> None:
    """Move the nearest units of a label into each part that has too few samples of it, in place.

    parts: int8 (samples,). distances: of each part that is to be filled, how far every sample is
    from it, int64 (samples,). least: samples of each label in each part, int64 (labels,). frozen:
    which samples stay, bool (samples,). A unit moves only if its part keeps `least` samples of each
    of its labels, and one at least where no such unit is left. What cannot be filled stays short.
    """
    counts = np.stack([units.counts(parts == part) for part in range(max(distances) + 1)])
    filling = _Filling(parts, units, counts, frozen)
    for label in np.flatnonzero((counts[list(distances)] < least).any(axis=0)).tolist():
        rows = units.rows_of(label)
        rows = rows[~frozen[rows]]
        for floor in (least, np.minimum(least, 1)):
            for part, distance in distances.items():
                for row in rows[np.argsort(distance[rows], kind="stable")].tolist():
                    if counts[part, label] >= least[label]:
                        break
                    filling.move(row, part, floor)


@dataclass(frozen=True, slots=True)
class _Filling:
    """The state of `fill`; counts: samples of each label in each part, int64 (parts, labels)."""

    parts: np.ndarray
    units: Units
    counts: np.ndarray
    frozen: np.ndarray

    def move(self, row: int, part: int, floor: np.ndarray) -> None:
        """Move the unit of a sample, if its part can spare it."""
        members, donor = self.units.members(row), self.parts[row]
        if donor == part or self.frozen[members].any():
            return
        change = np.bincount(self.units.labels[members], minlength=self.units.labels_count)
        concerned = change > 0
        if (self.counts[donor] - change < floor)[concerned].any():
            return
        self.counts[donor] -= change
        self.counts[part] += change
        self.parts[members] = part
