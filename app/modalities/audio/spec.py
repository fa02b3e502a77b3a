"""The part of a manifest that describes how sounds are encoded."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class AudioSpec(EncoderSpec):
    """How a sound file becomes `samples` values of 16-bit PCM at `rate` Hz, one channel.

    A longer sound is cut to its loudest window, a shorter one stands centred in silence.
    """

    modality: ClassVar[str] = "audio"

    kind: Literal["audio"] = "audio"
    rate: int = Field(ge=4000, le=48000)
    samples: int = Field(ge=400, le=30 * 48000)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that the encoder makes of one sound."""
        return (TensorSpec(name="pcm", dtype="int16", shape=("batch", self.samples)),)
