"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Prediction, decode_classes, probabilities
from app.outputs.doubt import NOVELTY, doubt
from app.outputs.embedding import EMBEDDING, decode_embedding
from app.outputs.phrases import NODES, Phrase, label_phrases
from app.outputs.reconstruction import Reconstruction, decode_reconstruction, png

__all__ = [
    "EMBEDDING",
    "NODES",
    "NOVELTY",
    "Phrase",
    "Prediction",
    "Reconstruction",
    "decode_classes",
    "decode_embedding",
    "decode_reconstruction",
    "doubt",
    "label_phrases",
    "png",
    "probabilities",
]
