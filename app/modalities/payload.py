"""The input and the output of encoders, and their interface."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

SNIFFED = "application/octet-stream"  # the encoder recognises the format by the content
Context = TypeVar("Context", covariant=True)


@dataclass(frozen=True, slots=True)
class Payload:
    """One item in the form in which a client sent it."""

    data: bytes
    media_type: str
    charset: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TensorPayload(Payload):
    """The graph's inputs for one item, as a client sent them: no encoder reads them.

    arrays: by the names of the encoder's tensors, without the batch axis, checked by
    `Modality.take_tensors`. cost: what that returned, in seconds.
    """

    arrays: Mapping[str, np.ndarray]
    cost: float


@dataclass(frozen=True, slots=True)
class Encoded(Generic[Context]):
    """The graph's inputs for one item, without the batch axis.

    truncated: a sentence on the part that was left out; None if the whole item was used. context:
    further data that the modality's explanation needs; each modality has its own type. given: a
    client sent the inputs themselves, which are never padded.
    """

    arrays: Mapping[str, np.ndarray]
    truncated: str | None = None
    context: Context | None = None
    given: bool = False


class Encoder(Protocol):
    """Turns payloads of one modality into arrays; raises `InvalidInput` if it cannot.

    media_types: the accepted media types, for people to read.
    """

    media_types: str

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Return whether it may be able to decode payloads of this media type."""
        ...

    def cost(self, payload: Payload) -> float:
        """Return an upper estimate of the seconds that `encode` will take, without decoding."""
        ...

    def decode_bytes(self, payload: Payload) -> int:
        """Return an upper bound of the bytes that `encode` holds at its peak, without decoding.

        The payload itself does not count. What costs at most `memory_budget.QUICK` seconds needs at
        most `memory_budget.SMALL` bytes and what the model's own input takes.
        """
        ...

    def encode(self, payload: Payload) -> Encoded[Any]:
        """Decode and prepare one payload."""
        ...
