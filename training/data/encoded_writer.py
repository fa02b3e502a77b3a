"""Writes encoded samples as they come: to memory, and to files once there are many.

What is held in memory does not grow with the number of samples, but for 8 bytes a tensor and axis
for shapes that vary.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from app.bundle.tensors import Arrays, TensorSpec
from training.data.encoded import Column, ContentDigest, EncodedItems, MappedFile, whole_items

IN_MEMORY = 32 << 20  # bytes of encoded samples that stay in memory


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of some samples, as in `Column`: values, and shapes where these vary."""

    values: np.ndarray
    shapes: np.ndarray | None = None


def pack_items(items: Sequence[Arrays], specs: Sequence[TensorSpec]) -> dict[str, Part]:
    """Return the tensors of some samples in columns; there is at least one sample."""
    return {spec.name: _pack([item[spec.name] for item in items], spec) for spec in specs}


def _pack(arrays: Sequence[np.ndarray], spec: TensorSpec) -> Part:
    if spec.shape[0] == "batch" and not any(isinstance(size, str) for size in spec.shape[1:]):
        return Part(np.stack(arrays))
    shapes = np.asarray([array.shape for array in arrays], dtype=np.int64)
    return Part(np.concatenate([array.reshape(-1) for array in arrays]), shapes)


@dataclass(slots=True)
class _Begun:
    """One column that is being written."""

    dtype: np.dtype
    row: tuple[int, ...]  # the shape of a row of `values`
    values: list[np.ndarray]
    shapes: list[np.ndarray]
    file: BinaryIO | None = None


class EncodedWriter:
    """Collects packed samples; above `most` bytes in the files of a new folder.

    folder: makes the folder when it is needed. Used as a context, which closes the files.
    """

    def __init__(self, folder: Callable[[], Path], most: int = IN_MEMORY) -> None:
        self._make, self._most = folder, most
        self._digest, self._columns = ContentDigest(), dict[str, _Begun]()
        self._size, self.samples = 0, 0
        self.folder: Path | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, parts: Mapping[str, Part], samples: int) -> None:
        """Append so many samples."""
        for name, part in parts.items():
            self._digest.add(name, part.values, part.shapes)
            self._append(name, part)
        self.samples += samples
        if self.folder is None and self._size > self._most:
            self._to_files()

    def finish(self) -> EncodedItems:
        """Return all samples."""
        columns = {name: self._column(begun) for name, begun in self._columns.items()}
        return whole_items(columns, self.samples, self._digest.value(self.samples))

    def _append(self, name: str, part: Part) -> None:
        values, shapes = part.values, part.shapes
        row = values.shape[1:] if shapes is None else ()
        begun = self._columns.get(name)
        if begun is None:
            begun = self._columns[name] = _Begun(values.dtype, row, [], [])
            if self.folder is not None:
                begun.file = self._open_file(name)
        if (begun.dtype, begun.row) != (values.dtype, row):
            raise ValueError(
                f"the samples' {name} differ: {begun.dtype} {begun.row}, {values.dtype} {row}"
            )
        if shapes is not None:
            begun.shapes.append(shapes)
        if begun.file is None:
            self._size += values.nbytes
            begun.values.append(values)
        else:
            begun.file.write(np.ascontiguousarray(values).data)

    def _to_files(self) -> None:
        self.folder = self._make()
        for name, begun in self._columns.items():
            begun.file = self._open_file(name)
            for values in begun.values:
                begun.file.write(np.ascontiguousarray(values).data)
            begun.values.clear()

    def _open_file(self, name: str) -> BinaryIO:
        assert self.folder is not None
        return self._open.enter_context((self.folder / f"{name}.values").open("w+b"))

    def _column(self, begun: _Begun) -> Column:
        file = None
        if begun.file is not None:
            begun.file.flush()
            file = MappedFile(begun.file, begun.dtype)
        values = np.concatenate(begun.values) if file is None else file.values
        return column(values, begun.row, begun.shapes, file)


def column(
    values: np.ndarray,
    row: tuple[int, ...],
    shapes: Sequence[np.ndarray],
    file: MappedFile | None,
) -> Column:
    """Return the column of these values; shapes: where they vary, in parts."""
    if not shapes:
        return Column(values.reshape(-1, *row), file=file)
    every = np.concatenate(shapes)
    offsets = np.concatenate([[0], np.cumsum(every.prod(axis=1))]).astype(np.int64)
    return Column(values, every, offsets, file)
