"""Raw payloads → named arrays. Pure numpy, shared by training and serving.

This is the only preprocessing there is: training calls the same `encode` on the same
bytes, so the two halves cannot disagree.
"""

from collections.abc import Callable, Mapping
from typing import Any

from app.bundle import EncoderSpec
from app.modalities.audio.encoder import AudioEncoder
from app.modalities.image.encoder import ImageEncoder
from app.modalities.payload import Encoded, Encoder, Payload
from app.modalities.text.encoder import TextEncoder
from app.modalities.tree.encoder import TreeEncoder
from app.modalities.words.encoder import WordsEncoder

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
