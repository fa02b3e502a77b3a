"""The tensors of graphs: the description of one, and the names of outputs that have a meaning.

`docs/reference/bundle.md` has the table of outputs with their axes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

DType = Literal["uint8", "int16", "int64", "float32"]
Arrays = Mapping[str, np.ndarray]
Allocate = Callable[[str, tuple[int, ...], str], np.ndarray]  # (name, shape, dtype) -> array

FOREST = ("leaf", "inner", "level", "node")  # axes of trees that are joined, not stacked

PROBABILITIES = "probabilities"  # float32 (batch, labels); a packed graph's may have another name
EMBEDDING = "embedding"  # float32 (batch, features): what the last layer reads
NOVELTY = "novelty"  # float32 (batch,), 0..1
NODES = "nodes"  # float32 (node, labels): the probabilities of every node of a tree
SALIENCY = "saliency"  # float32 (batch, ...), computed on demand: see EXPLAIN
LOG_PROBABILITIES = "log_probabilities"  # float32 (batch, vocabulary), of the next word
NEXT_STATE = "next_state"  # float32 (batch, state), the input `state` with the next word
RECONSTRUCTION = "reconstruction"  # float32, grey levels in the shape of the input
RECONSTRUCTION_ERROR = "reconstruction_error"  # float32 (batch,)

EXPLAIN = "explain"  # an optional input of graphs: bool, false by default


class Frozen(BaseModel):
    """An immutable value without further fields and without NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TensorSpec(Frozen):
    """One input or output of the graph.

    `shape` mixes sizes and named axes: `("batch", 224, 224, 3)`, `("batch", "time")`.
    The first axis is `batch` or an axis of `FOREST`. Along an axis of `FOREST` the items of a batch
    follow one another. Any other named axis varies between items and is padded with zeros to the
    longest item of a batch.
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _batch_comes_first(self) -> Self:
        if self.shape[0] not in ("batch", *FOREST):
            raise ValueError(f"the first axis of {self.name!r} must be 'batch' or of a forest")
        return self


def allocate(_name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return an uninitialised array in ordinary memory."""
    return np.empty(shape, dtype)


def is_forest(specs: Sequence[TensorSpec]) -> bool:
    """Return whether these tensors hold joined trees."""
    return any(spec.shape[0] in FOREST for spec in specs)


def size_of(specs: Sequence[TensorSpec]) -> Callable[[Arrays], int] | None:
    """Return a function from an item to its length on the first padded axis; None without one."""
    for spec in specs:
        for axis, size in enumerate(spec.shape[1:]):
            if isinstance(size, str):
                return partial(_length, spec.name, axis)
    return None


def _length(name: str, axis: int, arrays: Arrays) -> int:
    return int(arrays[name].shape[axis])
