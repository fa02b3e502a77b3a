"""Labelled samples as they are in files, before encoding.

A recipe's samples are a list in memory. A user's are a `SampleTable`: columns of small facts, and a
store that reads a payload when it is needed, so that memory does not grow with the files.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, overload

import numpy as np

from app.bundle.files import sha256
from app.modalities import Payload

TRAIN, VALIDATION, TEST = "train", "validation", "test"
FIXED = (None, TRAIN, VALIDATION, TEST)
"""What `Sample.fixed` may be, by the number that `SampleTable.fixed` has for it."""
DIGEST = 32  # bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled payload.

    key: determines the split and the duplicates; by default the content does. group: names samples
    that are held out together, as those of a speaker. fixed: a prescribed split, as the authors'
    test set or material for training alone.
    """

    name: str
    payload: Payload
    label: str
    key: str = ""
    group: str = ""
    fixed: str | None = None

    @property
    def digest(self) -> str:
        """The sha256 of the key, or of the content without a key."""
        return sha256(self.key.encode() if self.key else self.payload.data)


class SampleStore(Protocol):
    """Where the payloads of a `SampleTable` lie.

    It can be pickled: each process that encodes samples gets a copy, and reads by itself.
    """

    def name(self, row: int) -> str:
        """Return how messages name the sample: a path, or a line of a table."""

    def media_type(self, row: int) -> str:
        """Return the payload's media type; nothing is read."""

    def payload(self, row: int) -> Payload:
        """Read the payload; raise `MissingData` where it is not there any more."""


@dataclass(frozen=True, slots=True)
class SampleTable(Sequence[Sample]):
    """Labelled samples in columns; reading one by its index reads its payload.

    rows: the row of each sample in the store, int64 (samples,). labels: an index into `label_names`
    for each sample, int32. keys: the sha256 of what determines the split and the duplicates, uint8
    (samples, 32). contents: the sha256 of the payload, likewise. groups: an index into
    `group_names`, int32. fixed: an index into `FIXED`, int8.
    """

    store: SampleStore
    rows: np.ndarray
    label_names: tuple[str, ...]
    labels: np.ndarray
    keys: np.ndarray
    contents: np.ndarray
    group_names: tuple[str, ...]
    groups: np.ndarray
    fixed: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "SampleTable": ...
    def __getitem__(self, index: int | slice) -> "Sample | SampleTable":
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        row = int(self.rows[index])
        return _KeyedSample(
            self.store.name(row),
            self.store.payload(row),
            self.label_names[self.labels[index]],
            "",
            self.group_names[self.groups[index]],
            FIXED[self.fixed[index]],
            self.keys[index].tobytes().hex(),
        )

    def name(self, index: int) -> str:
        """Return how messages name a sample, without reading its payload."""
        return self.store.name(int(self.rows[index]))

    def select(self, indices: Sequence[int] | np.ndarray) -> "SampleTable":
        """Return some of the samples, in this order; none is read."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            rows=self.rows[chosen],
            labels=self.labels[chosen],
            keys=self.keys[chosen],
            contents=self.contents[chosen],
            groups=self.groups[chosen],
            fixed=self.fixed[chosen],
        )


@dataclass(frozen=True, slots=True)
class _KeyedSample(Sample):
    """A sample whose digest a table knows."""

    known_digest: str = ""

    @property
    def digest(self) -> str:
        """The digest of the table."""
        return self.known_digest


@dataclass(frozen=True, slots=True)
class MemoryStore:
    """The store of samples that are in memory."""

    samples: Sequence[Sample]

    def name(self, row: int) -> str:
        """Return the sample's name."""
        return self.samples[row].name

    def media_type(self, row: int) -> str:
        """Return the media type of the sample's payload."""
        return self.samples[row].payload.media_type

    def payload(self, row: int) -> Payload:
        """Return the sample's payload."""
        return self.samples[row].payload


def as_table(samples: Sequence[Sample]) -> SampleTable:
    """Return the samples in columns; a table as it is."""
    if isinstance(samples, SampleTable):
        return samples
    label_names, labels = _numbered([sample.label for sample in samples])
    group_names, groups = _numbered([sample.group for sample in samples])
    return SampleTable(
        store=MemoryStore(samples),
        rows=np.arange(len(samples)),
        label_names=label_names,
        labels=labels,
        keys=digests([bytes.fromhex(sample.digest) for sample in samples]),
        contents=digests([hashlib.sha256(s.payload.data).digest() for s in samples]),
        group_names=group_names,
        groups=groups,
        fixed=np.asarray([FIXED.index(s.fixed) for s in samples], dtype=np.int8),
    )


def digests(each: Sequence[bytes]) -> np.ndarray:
    """Return sha256 digests as a column, uint8 (samples, 32)."""
    return np.asarray(bytearray(b"".join(each)), dtype=np.uint8).reshape(-1, DIGEST)


def choose(samples: Sequence[Sample], indices: Sequence[int] | np.ndarray) -> Sequence[Sample]:
    """Return some of the samples, in this order; those of a table are not read."""
    if isinstance(samples, SampleTable):
        return samples.select(indices)
    return [samples[i] for i in indices]


def digest_order(column: np.ndarray) -> np.ndarray:
    """Return the order, int64 (samples,), of digests, uint8 (samples, 32); it is stable."""
    words = np.ascontiguousarray(column).view(">u8")
    return np.lexsort([words[:, i] for i in (3, 2, 1, 0)])


def name_of(samples: Sequence[Sample], index: int) -> str:
    """Return how messages name a sample; a table's is not read."""
    return samples.name(index) if isinstance(samples, SampleTable) else samples[index].name


def label_of(samples: Sequence[Sample], index: int) -> str:
    """Return a sample's label; a table's is not read."""
    if isinstance(samples, SampleTable):
        return samples.label_names[samples.labels[index]]
    return samples[index].label


def _numbered(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the distinct names, sorted, and the index of each, int32."""
    distinct = tuple(sorted(set(names)))
    places = {name: place for place, name in enumerate(distinct)}
    return distinct, np.asarray([places[name] for name in names], dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set, its origin and licence.

    unreadable: files or rows that hold no sample, with the reason. keeps_case: whether `A` and `a`
    are different letters in its texts, as in codes. notes: how the files were understood. warnings:
    what a person should look at.
    """

    name: str
    source: str
    licence: str
    samples: Sequence[Sample]
    unreadable: Sequence[str] = field(default=())
    keeps_case: bool = False
    notes: Sequence[str] = field(default=())
    warnings: Sequence[str] = field(default=())

    @property
    def sha256(self) -> str:
        """One digest of all payloads and labels, independent of their order."""
        table = as_table(self.samples)
        ranks = np.argsort(np.argsort(np.asarray(table.label_names, dtype=object)))
        words = np.ascontiguousarray(table.contents).view(">u8")
        order = np.lexsort((ranks[table.labels], *(words[:, i] for i in (3, 2, 1, 0))))
        digest = hashlib.sha256()
        for count, i in enumerate(order):
            line = f"{table.contents[i].tobytes().hex()} {table.label_names[table.labels[i]]}"
            digest.update(f"\n{line}".encode() if count else line.encode())
        return digest.hexdigest()

    def counts(self) -> Counter[str]:
        """Return the number of samples of each label."""
        if isinstance(self.samples, SampleTable):
            found = np.bincount(self.samples.labels, minlength=len(self.samples.label_names))
            named = zip(self.samples.label_names, found.tolist(), strict=True)
            return Counter({label: count for label, count in named if count})
        return Counter(sample.label for sample in self.samples)

    def media_types(self) -> Counter[str]:
        """Return the number of samples of each media type; no payload of a table is read."""
        if isinstance(self.samples, SampleTable):
            return Counter(map(self.samples.store.media_type, self.samples.rows.tolist()))
        return Counter(sample.payload.media_type for sample in self.samples)
