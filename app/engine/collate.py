"""Items → one batch, and the batch's outputs → items again.

Trees are joined to a forest (`app.engine.forest`). Of anything else, axes that a `TensorSpec`
names (other than `batch`) vary between items and are padded with zeros to the longest of the
batch; the graphs take lengths and are exact under any padding, so an answer does not depend on
its batch mates.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from app.bundle import TensorSpec
from app.bundle.manifest import FOREST
from app.engine import forest

Arrays = Mapping[str, np.ndarray]


def collate(items: Sequence[Arrays], specs: Sequence[TensorSpec]) -> dict[str, np.ndarray]:
    """Stack the items' arrays along a new first axis, one entry per spec; join trees."""
    if is_forest(specs):
        return forest.join(items)
    return {spec.name: _stack([item[spec.name] for item in items], spec) for spec in specs}


def split(
    outputs: Arrays, items: Sequence[Arrays], specs: Sequence[TensorSpec]
) -> list[dict[str, np.ndarray]]:
    """Return row i of every output as item i; of a forest's nodes, the rows of tree i."""
    places = forest.node_places(items) if is_forest(specs) else []
    rows = {spec.name: places if spec.shape[0] in FOREST else range(len(items)) for spec in specs}
    return [
        {name: array[rows[name][item]] for name, array in outputs.items()}
        for item in range(len(items))
    ]


def is_forest(specs: Sequence[TensorSpec]) -> bool:
    """Say whether these tensors hold trees joined."""
    return any(spec.shape[0] in FOREST for spec in specs)


def _stack(arrays: Sequence[np.ndarray], spec: TensorSpec) -> np.ndarray:
    if not any(isinstance(axis, str) for axis in spec.shape[1:]):
        return np.stack(arrays)
    shape = tuple(max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True))
    batch = np.zeros((len(arrays), *shape), dtype=spec.dtype)
    for row, array in zip(batch, arrays, strict=True):
        row[tuple(slice(size) for size in array.shape)] = array
    return batch
