"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Prediction, decode_classes, probabilities
from app.outputs.embedding import EMBEDDING, decode_embedding
from app.outputs.phrases import NODES, Phrase, label_phrases
from app.outputs.reconstruction import Reconstruction, decode_reconstruction, png
from app.outputs.steps import LOG_PROBABILITIES, NEXT_STATE, Step, decode_step

__all__ = [
    "EMBEDDING",
    "LOG_PROBABILITIES",
    "NEXT_STATE",
    "NODES",
    "Phrase",
    "Prediction",
    "Reconstruction",
    "Step",
    "decode_classes",
    "decode_embedding",
    "decode_reconstruction",
    "decode_step",
    "label_phrases",
    "png",
    "probabilities",
]
