"""The part of a manifest that describes how texts for classifiers are encoded."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class TextSpec(EncoderSpec):
    """How text becomes token ids: cleaned, tokenized by `tokenizer`, truncated to `max_tokens`.

    A longer text keeps its first `max_tokens - tail_tokens` and its last `tail_tokens`. cleaning:
    `words` as `plain_text` does, in lower case and without markup; `verbatim` keeps case, markup
    and signs, for codes such as chemical formulas. unit: what a token is; an explanation joins
    `characters` to words.
    """

    modality: ClassVar[str] = "text"

    kind: Literal["text"] = "text"
    tokenizer: str = "tokenizer.json"
    max_tokens: int = Field(ge=1, le=8192)
    tail_tokens: int = Field(default=0, ge=0)
    # Left out where they are as before, so that earlier releases read the manifest.
    cleaning: Literal["words", "verbatim"] = Field(
        default="words", exclude_if=lambda value: value == "words"
    )
    unit: Literal["token", "character"] = Field(
        default="token", exclude_if=lambda value: value == "token"
    )

    @model_validator(mode="after")
    def _tail_is_a_part(self) -> Self:
        if self.tail_tokens > self.max_tokens:
            raise ValueError("tail_tokens is more than max_tokens")
        return self

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that the encoder makes of one text."""
        return (
            TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
            TensorSpec(name="length", dtype="int64", shape=("batch",)),
        )

    def longest(self) -> dict[str, int]:
        """Return how many tokens the graph reads of one text at most."""
        return {"time": self.max_tokens}
