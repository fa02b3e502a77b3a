"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Asked, Prediction, decode_classes, probabilities
from app.outputs.phrases import NODES, Phrase, label_phrases

__all__ = [
    "NODES",
    "Asked",
    "Phrase",
    "Prediction",
    "decode_classes",
    "label_phrases",
    "probabilities",
]
