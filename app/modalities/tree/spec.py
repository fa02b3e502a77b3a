"""What a bundle says of the trees that its graph reads."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class TreeSpec(EncoderSpec):
    """How a bracketed tree becomes a forest of one (see `app.batching.forest`).

    `vocabulary` holds a word a line; its number is the word's id. In the notation `ptb` a text
    that is no tree is given one, and its first line stands for unknown words.
    """

    modality: ClassVar[str] = "tree"

    kind: Literal["tree"] = "tree"
    notation: Literal["listops", "ptb"]
    vocabulary: str = "vocabulary.txt"
    max_leaves: int = Field(default=4096, ge=1, le=65536)
    max_height: int = Field(default=500, ge=1, le=1000)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one tree, and `collate` of several."""
        axes = {"tokens": "leaf", "left": "inner", "right": "inner", "levels": "level"}
        axes["roots"] = "batch"
        return tuple(
            TensorSpec(name=name, dtype="int64", shape=(axis,)) for name, axis in axes.items()
        )
