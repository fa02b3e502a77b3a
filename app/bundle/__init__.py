"""The contract between training and serving: a directory `models/<name>/<version>/`."""

from app.bundle.files import Bundle, GoldenCase, read_bundle, versions
from app.bundle.manifest import (
    AudioSpec,
    EncoderSpec,
    ImageSpec,
    Manifest,
    Measurement,
    Provenance,
    TensorSpec,
    TextSpec,
    TreeSpec,
)
from app.bundle.publish import publish

__all__ = [
    "AudioSpec",
    "Bundle",
    "EncoderSpec",
    "GoldenCase",
    "ImageSpec",
    "Manifest",
    "Measurement",
    "Provenance",
    "TensorSpec",
    "TextSpec",
    "TreeSpec",
    "publish",
    "read_bundle",
    "versions",
]
