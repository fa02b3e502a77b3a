"""Encoded samples in columns, in memory or in memory-mapped files: what `Examples.items` is.

A column holds one tensor of all samples. Where every sample's has the shape of its specification,
the column is one array; where shapes vary, the values follow one another, and offsets say where
each begins. Reading a sample by its index gives views of these; `batch` copies all rows of a column
at once.

The pages of a file that were read count as this process's memory as long as they are mapped. So
they are given back from time to time; the system keeps them in its cache while there is room.
"""

import hashlib
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, overload

import numpy as np

from app.batching.collate import collate
from app.bundle.tensors import Arrays, TensorSpec, is_forest

_MOST_MAPPED = 64 << 20  # bytes of a file that may be mapped, about
_NEIGHBOURHOOD = 64 << 10  # bytes around a byte that is read, which the kernel maps with it


class MappedFile:
    """The bytes of a file as an array; nothing that is written to it reaches the file."""

    def __init__(self, file: BinaryIO, dtype: np.dtype) -> None:
        size = file.seek(0, 2)
        self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if size else None
        self.values = np.empty(0, dtype)
        if self._mapped is not None:
            self.values = np.frombuffer(self._mapped, dtype)
        self._read = 0

    def count(self, reads: int, size: int) -> None:
        """Count that so many places were read, of so many bytes; give pages back if it is time."""
        self._read += reads * (size + _NEIGHBOURHOOD)
        if self._read > _MOST_MAPPED and self._mapped is not None:
            self._read = 0
            self._mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class Column:
    """One tensor of all samples.

    values: (samples, …) where `shapes` is None; else flat, the values of all samples in turn.
    shapes: of each sample's array, int64 (samples, axes). offsets: where each begins in `values`,
    int64 (samples + 1,). file: what `values` is in, if it is in a file.
    """

    values: np.ndarray
    shapes: np.ndarray | None = None
    offsets: np.ndarray | None = None
    file: MappedFile | None = None

    def item(self, row: int) -> np.ndarray:
        """Return the array of one sample."""
        if self.shapes is None or self.offsets is None:
            found = self.values[row, ...]
        else:
            part = self.values[self.offsets[row] : self.offsets[row + 1]]
            found = part.reshape(self.shapes[row])
        if self.file is not None:
            self.file.count(1, found.nbytes)
        return found

    def batch(self, rows: np.ndarray, spec: TensorSpec) -> np.ndarray:
        """Return the tensor of a batch, padded with zeros to its longest sample: see `collate`."""
        if self.shapes is None or self.offsets is None:
            found = self.values[rows]
        elif self.shapes.shape[1] == 1 and len(self.values):
            sizes = self.shapes[rows, 0]
            places = np.arange(sizes.max())
            beyond = places >= sizes[:, None]
            where = self.offsets[rows][:, None] + places
            where[beyond] = 0
            found = self.values[where]
            found[beyond] = 0
        else:
            return collate([{spec.name: self.item(row)} for row in rows], [spec])[spec.name]
        if self.file is not None:
            self.file.count(len(rows), found.nbytes // max(len(rows), 1))
        return found


@dataclass(frozen=True, slots=True)
class EncodedItems(Sequence[Arrays]):
    """The arrays of each sample, by the names of the tensors.

    rows: the places of these samples in the columns, int64 (samples,). digest: of the content;
    equal samples in an equal order have an equal one, whether in memory or in files.
    """

    columns: Mapping[str, Column]
    rows: np.ndarray
    digest: str

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Arrays: ...
    @overload
    def __getitem__(self, index: slice) -> "EncodedItems": ...
    def __getitem__(self, index: int | slice) -> "Arrays | EncodedItems":
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        row = int(self.rows[index])
        return {name: column.item(row) for name, column in self.columns.items()}

    def select(self, indices: Sequence[int] | np.ndarray) -> "EncodedItems":
        """Return some of the samples, in this order; none is read."""
        chosen = np.asarray(indices, dtype=np.int64)
        digest = hashlib.sha256(self.digest.encode() + chosen.tobytes()).hexdigest()
        return EncodedItems(self.columns, self.rows[chosen], digest)

    def batch(
        self, indices: Sequence[int] | np.ndarray, specs: Sequence[TensorSpec]
    ) -> dict[str, np.ndarray]:
        """Return the tensors of a batch of these samples, equal to those of `collate`."""
        if is_forest(specs):
            return collate([self[int(i)] for i in indices], specs)
        rows = self.rows[np.asarray(indices, dtype=np.int64)]
        return {spec.name: self.columns[spec.name].batch(rows, spec) for spec in specs}

    def sizes(self, name: str, axis: int = 0) -> np.ndarray:
        """Return the size of an axis of one tensor in each sample, int64 (samples,)."""
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        column = self.columns[name]
        if column.shapes is None:
            return np.full(len(self), column.values.shape[1 + axis], dtype=np.int64)
        return column.shapes[self.rows, axis]


@dataclass(slots=True)
class ContentDigest:
    """The digest of encoded samples, computed from parts of any length, in turn."""

    _parts: dict[str, tuple["hashlib._Hash", "hashlib._Hash"]] = field(default_factory=dict)

    def add(self, name: str, values: np.ndarray, shapes: np.ndarray | None) -> None:
        """Add further samples' values of one tensor, and their shapes where these vary."""
        head = f"{name} {values.dtype} {values.shape[1:] if shapes is None else ''}".encode()
        of_values, of_shapes = self._parts.setdefault(
            name, (hashlib.sha256(head), hashlib.sha256())
        )
        of_values.update(np.ascontiguousarray(values).data.cast("B") if values.size else b"")
        if shapes is not None:
            of_shapes.update(shapes.tobytes())

    def value(self, samples: int) -> str:
        """Return the digest of so many samples."""
        total = hashlib.sha256(str(samples).encode())
        for name in sorted(self._parts):
            for part in self._parts[name]:
                total.update(part.digest())
        return total.hexdigest()


def whole_items(columns: Mapping[str, Column], samples: int, digest: str) -> EncodedItems:
    """Return all samples of the columns, in their order."""
    return EncodedItems(columns, np.arange(samples), digest)


def take(items: Sequence[Arrays], indices: Sequence[int] | np.ndarray) -> Sequence[Arrays]:
    """Return some of the samples, in this order."""
    if isinstance(items, EncodedItems):
        return items.select(indices)
    return [items[int(i)] for i in indices]


def join_items(
    items: Sequence[Arrays], indices: Sequence[int] | np.ndarray, specs: Sequence[TensorSpec]
) -> dict[str, np.ndarray]:
    """Return the tensors of a batch of some of the samples."""
    if isinstance(items, EncodedItems):
        return items.batch(indices, specs)
    return collate([items[int(i)] for i in indices], specs)


def lengths(items: Sequence[Arrays], specs: Sequence[TensorSpec]) -> np.ndarray:
    """Return the size of each sample's dynamic axis, int64 (samples,); 0 without such an axis."""
    named = [s for s in specs if any(isinstance(a, str) and a != "batch" for a in s.shape)]
    if not named:
        return np.zeros(len(items), dtype=np.int64)
    if isinstance(items, EncodedItems):
        return items.sizes(named[0].name)
    return np.asarray([item[named[0].name].shape[0] for item in items], dtype=np.int64)


def in_files(items: Sequence[Arrays]) -> bool:
    """Return whether reading a sample may wait for a disk."""
    return isinstance(items, EncodedItems) and any(c.file for c in items.columns.values())


def in_memory(columns: Mapping[str, np.ndarray]) -> EncodedItems:
    """Return samples whose tensors have one shape, from arrays (samples, …)."""
    digest, samples = ContentDigest(), len(next(iter(columns.values())))
    for name, values in columns.items():
        digest.add(name, values, None)
    return whole_items({n: Column(v) for n, v in columns.items()}, samples, digest.value(samples))


def content_digest(items: Sequence[Arrays]) -> str:
    """Return a digest of the content; that of `EncodedItems` is known without reading any."""
    if isinstance(items, EncodedItems):
        return items.digest
    digest = hashlib.sha256()
    for item in items:
        for array in item.values():
            digest.update(repr(array.shape).encode())
            digest.update(array.tobytes())
    return digest.hexdigest()
