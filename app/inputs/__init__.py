"""Raw payloads → named arrays. Pure numpy, shared by training and serving.

This is the only preprocessing there is: training calls the same `encode` on the same
bytes, so the two halves cannot disagree.
"""

from collections.abc import Callable, Mapping
from typing import Any

from app.bundle import EncoderSpec
from app.inputs.audio import AudioEncoder
from app.inputs.image import ImageEncoder
from app.inputs.payload import Encoded, Encoder, Payload
from app.inputs.prose import WordsEncoder
from app.inputs.text import TextEncoder
from app.inputs.tree import TreeEncoder

__all__ = ["ENCODERS", "Encoded", "Encoder", "Payload", "encoder_for"]

ENCODERS: dict[str, Callable[[Any, Mapping[str, bytes]], Encoder]] = {
    "image": ImageEncoder,
    "audio": AudioEncoder,
    "text": TextEncoder,
    "tree": TreeEncoder,
    "words": WordsEncoder,
}


def encoder_for(spec: EncoderSpec, files: Mapping[str, bytes]) -> Encoder:
    """Return the encoder that `spec` asks for; `files` are the bundle's."""
    return ENCODERS[spec.kind](spec, files)
