"""Named arrays → what a client reads. Shared by serving and training's evaluation."""

from app.outputs.classes import Prediction, decode_classes, probabilities

__all__ = ["Prediction", "decode_classes", "probabilities"]
