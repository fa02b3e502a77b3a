"""The part of a manifest that describes how texts for language models are encoded."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class WordsSpec(EncoderSpec):
    """How prose becomes the ids of words, for a model that predicts the next one.

    The file `vocabulary` holds one word in each line, the most common first, after `<unk>` and
    `<end>`; the line number is the word's id. Only the last `max_words` words and marks of a text
    are read. `state` is the number of values in the recurrent state, which starts at zero.
    """

    modality: ClassVar[str] = "text"

    kind: Literal["words"] = "words"
    vocabulary: str = "vocabulary.txt"
    max_words: int = Field(ge=1, le=4096)
    state: int = Field(ge=1, le=65536)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that the encoder makes of one text."""
        return (
            TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
            TensorSpec(name="length", dtype="int64", shape=("batch",)),
            TensorSpec(name="state", dtype="float32", shape=("batch", self.state)),
        )

    def longest(self) -> dict[str, int]:
        """Return how many tokens the graph reads of one text at most."""
        return {"time": self.max_words}
