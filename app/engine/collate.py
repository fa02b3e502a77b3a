"""Items → one batch, and the batch's outputs → items again.

Trees are joined to a forest (`app.engine.forest`). Of anything else, axes that a `TensorSpec`
names (other than `batch`) vary between items and are padded with zeros to the longest of the
batch; the graphs take lengths and are exact under any padding, so an answer does not depend on
its batch mates.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from app.bundle import TensorSpec
from app.bundle.manifest import FOREST
from app.engine import forest

Arrays = Mapping[str, np.ndarray]
Empty = Callable[[str, tuple[int, ...], str], np.ndarray]  # of a name, a shape and a dtype


def new(_name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return an array in ordinary memory, not initialised."""
    return np.empty(shape, dtype)


def collate(
    items: Sequence[Arrays], specs: Sequence[TensorSpec], empty: Empty = new
) -> dict[str, np.ndarray]:
    """Stack the items' arrays along a new first axis, one entry per spec; join trees.

    empty: makes the arrays that are stacked into.
    """
    if is_forest(specs):
        return forest.join(items)
    return {spec.name: _stack([item[spec.name] for item in items], spec, empty) for spec in specs}


def split(
    outputs: Arrays, items: Sequence[Arrays], specs: Sequence[TensorSpec]
) -> list[dict[str, np.ndarray]]:
    """Return row i of every output as item i; of a forest's nodes, the rows of tree i."""
    if not is_forest(specs):
        return [{name: array[row] for name, array in outputs.items()} for row in range(len(items))]
    nodes = {spec.name for spec in specs if spec.shape[0] in FOREST}
    return [
        {name: array[own if name in nodes else row] for name, array in outputs.items()}
        for row, own in enumerate(forest.node_places(items))
    ]


def is_forest(specs: Sequence[TensorSpec]) -> bool:
    """Say whether these tensors hold trees joined."""
    return any(spec.shape[0] in FOREST for spec in specs)


def size_of(specs: Sequence[TensorSpec]) -> Callable[[Arrays], int] | None:
    """Return what measures an item along the first named axis that is padded; None: none is."""
    for spec in specs:
        for axis, size in enumerate(spec.shape[1:]):
            if isinstance(size, str):
                return partial(_length, spec.name, axis)
    return None


def _length(name: str, axis: int, arrays: Arrays) -> int:
    return int(arrays[name].shape[axis])


def _stack(arrays: Sequence[np.ndarray], spec: TensorSpec, empty: Empty) -> np.ndarray:
    if len(arrays) == 1 and empty is new:  # nothing need be copied
        return arrays[0][np.newaxis]
    if not any(isinstance(axis, str) for axis in spec.shape[1:]):
        return np.stack(arrays, out=empty(spec.name, (len(arrays), *arrays[0].shape), spec.dtype))
    shape = tuple(max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True))
    batch = empty(spec.name, (len(arrays), *shape), spec.dtype)
    batch.fill(0)
    for row, array in zip(batch, arrays, strict=True):
        row[tuple(slice(size) for size in array.shape)] = array
    return batch
