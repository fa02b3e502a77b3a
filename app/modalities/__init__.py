"""Preprocessing: raw payloads → named NumPy arrays, shared by training and serving.

Training calls the same `encode` on the same bytes, so the two halves cannot disagree. `MODALITIES`
are the modalities that the service and the trainer ship with; a composition root may pass more.
"""

from collections.abc import Mapping

from app.bundle import EncoderSpec
from app.modalities.audio import AUDIO
from app.modalities.image import IMAGE
from app.modalities.modality import Modality
from app.modalities.payload import Encoded, Encoder, Payload
from app.modalities.text import TEXT
from app.modalities.tree import TREE
from app.modalities.words import WORDS

__all__ = ["MODALITIES", "Encoded", "Encoder", "Modality", "Payload", "encoder_for"]

MODALITIES: Mapping[str, Modality] = {
    "image": IMAGE,
    "audio": AUDIO,
    "text": TEXT,
    "tree": TREE,
    "words": WORDS,
}


def encoder_for(
    spec: EncoderSpec,
    files: Mapping[str, bytes],
    modalities: Mapping[str, Modality] = MODALITIES,
) -> Encoder:
    """Return the encoder that `spec` asks for; `files` are the bundle's."""
    return modalities[spec.kind].encoder(spec, files)
