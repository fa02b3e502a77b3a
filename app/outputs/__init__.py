"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Prediction, decode_classes, probabilities
from app.outputs.phrases import NODES, Phrase, label_phrases

__all__ = [
    "NODES",
    "Phrase",
    "Prediction",
    "decode_classes",
    "label_phrases",
    "probabilities",
]
