"""The contract between training and serving: a directory `models/<name>/<version>/`."""

from app.bundle.files import Bundle, read_bundle, read_manifest
from app.bundle.golden import GoldenCase
from app.bundle.listing import versions
from app.bundle.manifest import (
    AnswerThreshold,
    Conformal,
    EncoderSpec,
    Manifest,
    Measurement,
    NoveltyScore,
    Provenance,
)
from app.bundle.publish import publish
from app.bundle.registry import Registry
from app.bundle.tensors import TensorSpec

__all__ = [
    "AnswerThreshold",
    "Bundle",
    "Conformal",
    "EncoderSpec",
    "GoldenCase",
    "Manifest",
    "Measurement",
    "NoveltyScore",
    "Provenance",
    "Registry",
    "TensorSpec",
    "publish",
    "read_bundle",
    "read_manifest",
    "versions",
]
