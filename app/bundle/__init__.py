"""The contract between training and serving: a directory `models/<name>/<version>/`."""

from app.bundle.files import Bundle, read_bundle, versions
from app.bundle.golden import (
    GoldenCase,
    GoldenClasses,
    GoldenCompletion,
    GoldenReconstruction,
    GoldenWord,
)
from app.bundle.manifest import (
    AudioSpec,
    Conformal,
    EncoderSpec,
    ImageSpec,
    Manifest,
    Measurement,
    NoveltyScore,
    Provenance,
    Task,
    TextSpec,
    TreeSpec,
    WordsSpec,
)
from app.bundle.publish import publish
from app.bundle.tensors import TensorSpec

__all__ = [
    "AudioSpec",
    "Bundle",
    "Conformal",
    "EncoderSpec",
    "GoldenCase",
    "GoldenClasses",
    "GoldenCompletion",
    "GoldenReconstruction",
    "GoldenWord",
    "ImageSpec",
    "Manifest",
    "Measurement",
    "NoveltyScore",
    "Provenance",
    "Task",
    "TensorSpec",
    "TextSpec",
    "TreeSpec",
    "WordsSpec",
    "publish",
    "read_bundle",
    "versions",
]
