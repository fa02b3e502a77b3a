"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Prediction, decode_classes, probabilities
from app.outputs.explanation import (
    SALIENCY,
    HeatMap,
    Piece,
    Token,
    map_picture,
    map_sound,
    weigh_tokens,
)
from app.outputs.phrases import NODES, Phrase, label_phrases

__all__ = [
    "NODES",
    "SALIENCY",
    "HeatMap",
    "Phrase",
    "Piece",
    "Prediction",
    "Token",
    "decode_classes",
    "label_phrases",
    "map_picture",
    "map_sound",
    "probabilities",
    "weigh_tokens",
]
