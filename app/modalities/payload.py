"""What goes into an encoder and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.modalities.text.tokenized import TokenizedText
from app.modalities.tree.binary_tree import BinaryTree


@dataclass(frozen=True, slots=True)
class Payload:
    """One item as a client sent it."""

    data: bytes
    media_type: str
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The graph's inputs for one item, without the batch axis.

    `truncated` is a sentence saying what was left out, or None when all was used. What an
    explanation tells of: `tree` or `text`, what the arrays were made of, and `start`, at which
    second of a sound they begin (before 0 where silence was put before it).
    """

    arrays: Mapping[str, np.ndarray]
    truncated: str | None = None
    tree: BinaryTree | None = None
    text: TokenizedText | None = None
    start: float = 0.0


class Encoder(Protocol):
    """Turns payloads of one modality into arrays; raises `InvalidInput` when it cannot.

    `media_types` says to a person what it accepts.
    """

    media_types: str

    def accepts(self, media_type: str) -> bool:
        """Say whether payloads of this media type are worth decoding."""
        ...

    def cost(self, payload: Payload) -> float:
        """Estimate, from above and without decoding, the seconds that `encode` will take."""
        ...

    def encode(self, payload: Payload) -> Encoded:
        """Decode and prepare one payload."""
        ...
