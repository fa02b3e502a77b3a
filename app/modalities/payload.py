"""What goes into an encoder and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

Context = TypeVar("Context", covariant=True)


@dataclass(frozen=True, slots=True)
class Payload:
    """One item as a client sent it."""

    data: bytes
    media_type: str
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Encoded(Generic[Context]):
    """The graph's inputs for one item, without the batch axis.

    truncated: a sentence saying what was left out; None when all was used. context: what the
    modality's explanation needs of the item beside its arrays; its type is the modality's own.
    """

    arrays: Mapping[str, np.ndarray]
    truncated: str | None = None
    context: Context | None = None


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

    def encode(self, payload: Payload) -> Encoded[Any]:
        """Decode and prepare one payload."""
        ...
