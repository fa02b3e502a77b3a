"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.bundle.tensors import EMBEDDING, LOG_PROBABILITIES, NEXT_STATE, NODES, NOVELTY, SALIENCY
from app.outputs.classes import Prediction, decode_classes, probabilities
from app.outputs.doubt import doubt, is_credible, tells_nothing
from app.outputs.embedding import decode_embedding
from app.outputs.explanation import (
    HeatMap,
    Piece,
    Token,
    map_picture,
    map_sound,
    weigh_tokens,
)
from app.outputs.phrases import Phrase, label_phrases
from app.outputs.reconstruction import Reconstruction, decode_reconstruction, png
from app.outputs.steps import Step, decode_step

__all__ = [
    "EMBEDDING",
    "LOG_PROBABILITIES",
    "NEXT_STATE",
    "NODES",
    "NOVELTY",
    "SALIENCY",
    "HeatMap",
    "Phrase",
    "Piece",
    "Prediction",
    "Reconstruction",
    "Step",
    "Token",
    "decode_classes",
    "decode_embedding",
    "decode_reconstruction",
    "decode_step",
    "doubt",
    "is_credible",
    "label_phrases",
    "map_picture",
    "map_sound",
    "png",
    "probabilities",
    "tells_nothing",
    "weigh_tokens",
]
