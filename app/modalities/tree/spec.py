"""The part of a manifest that describes how trees are encoded."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class TreeSpec(EncoderSpec):
    """How a bracketed tree becomes a forest with one tree (see `app.batching.forest`).

    The file `vocabulary` holds one word in each line; the line number is the word's id. With the
    notation `ptb` the first line stands for unknown words, and plain text gets a tree by a rule.
    """

    modality: ClassVar[str] = "tree"

    kind: Literal["tree"] = "tree"
    notation: Literal["listops", "ptb"]
    vocabulary: str = "vocabulary.txt"
    max_leaves: int = Field(default=4096, ge=1, le=65536)
    max_height: int = Field(default=500, ge=1, le=1000)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that the encoder makes of one tree, and `collate` of several."""
        axes = {"tokens": "leaf", "left": "inner", "right": "inner", "levels": "level"}
        axes["roots"] = "batch"
        return tuple(
            TensorSpec(name=name, dtype="int64", shape=(axis,)) for name, axis in axes.items()
        )
