"""Items → one batch, and the outputs of the batch → one set for each item.

Trees are joined to a forest (`app.batching.forest`). In other inputs the axes that a `TensorSpec`
names (other than `batch`) vary between items and are padded with zeros to the longest of the batch.
The graphs take lengths and are exact under any padding, so an answer does not depend on the other
items of its batch.
"""

from collections.abc import Sequence

import numpy as np

from app.batching import forest
from app.bundle.tensors import FOREST, Allocate, Arrays, TensorSpec, allocate, is_forest


def collate(
    items: Sequence[Arrays], specs: Sequence[TensorSpec], allocator: Allocate = allocate
) -> dict[str, np.ndarray]:
    """Stack the items' arrays along a new first axis, one entry per spec; join trees.

    items: each maps the name of every spec to an array without the batch axis. allocator: makes
    the arrays of the batch.
    """
    if is_forest(specs):
        return forest.join(items)
    return {
        spec.name: _stack([item[spec.name] for item in items], spec, allocator) for spec in specs
    }


def split_outputs(
    outputs: Arrays, items: Sequence[Arrays], specs: Sequence[TensorSpec]
) -> list[dict[str, np.ndarray]]:
    """Return for each item its row of every output; for outputs of nodes, the rows of its tree."""
    if not is_forest(specs):
        return [{name: array[row] for name, array in outputs.items()} for row in range(len(items))]
    nodes = {spec.name for spec in specs if spec.shape[0] in FOREST}
    return [
        {name: array[own if name in nodes else row] for name, array in outputs.items()}
        for row, own in enumerate(forest.node_places(items))
    ]


def _stack(arrays: Sequence[np.ndarray], spec: TensorSpec, allocator: Allocate) -> np.ndarray:
    if len(arrays) == 1 and allocator is allocate:  # no copy is needed
        return arrays[0][np.newaxis]
    if not any(isinstance(axis, str) for axis in spec.shape[1:]):
        return np.stack(
            arrays, out=allocator(spec.name, (len(arrays), *arrays[0].shape), spec.dtype)
        )
    shape = tuple(max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True))
    batch = allocator(spec.name, (len(arrays), *shape), spec.dtype)
    batch.fill(0)
    for row, array in zip(batch, arrays, strict=True):
        row[tuple(slice(size) for size in array.shape)] = array
    return batch
