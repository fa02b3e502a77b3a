"""What a bundle says of the texts that its graph continues."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class WordsSpec(EncoderSpec):
    """How prose becomes the ids of words, for a model that predicts the next one.

    `vocabulary` holds a word a line, the commonest first, after `<unk>` and `<end>`; its number
    is the word's id. Of a longer text the last `max_words` words and marks are read. `state` is
    the number of values that the model remembers from one word to the next, zero at first.
    """

    modality: ClassVar[str] = "text"

    kind: Literal["words"] = "words"
    vocabulary: str = "vocabulary.txt"
    max_words: int = Field(ge=1, le=4096)
    state: int = Field(ge=1, le=65536)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one text."""
        return (
            TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
            TensorSpec(name="length", dtype="int64", shape=("batch",)),
            TensorSpec(name="state", dtype="float32", shape=("batch", self.state)),
        )
