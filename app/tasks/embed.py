"""The task `embed`: the features of an item, which are the input of the network's last layer.

Every model whose graph has the output `embedding` supports it, whatever its own task is.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from app.bundle import GoldenCase, Manifest
from app.bundle.tensors import EMBEDDING, Arrays
from app.errors import ModelOutputInvalid
from app.modalities import Encoded, Modality
from app.tasks.answer_tensor import graph_output
from app.tasks.task import Decode, Options, Task, furthest

Features = tuple[float, ...]


class EmbedOptions(Options):
    """An embedding has no options."""

    task: ClassVar[str] = "embed"


class GoldenEmbedding(GoldenCase):
    """The features of an item."""

    embedding: Features = Field(min_length=1)


def decode_features(outputs: Mapping[str, np.ndarray]) -> Features:
    """Return the features of one item; raise `ModelOutputInvalid` unless all are finite."""
    features = outputs[EMBEDDING].reshape(-1)
    if not np.isfinite(features).all():
        raise ModelOutputInvalid("the graph gives features that are not numbers")
    return tuple(features.tolist())


def different_features(published: Features, actual: Features, tolerance: float) -> str | None:
    """Return a sentence on features that differ by more than `tolerance`; None if none does."""
    if len(published) != len(actual):
        return f"{len(published)} features were published, here are {len(actual)}"
    names = [f"feature {i}" for i in range(len(published))]
    return furthest(
        dict(zip(names, published, strict=True)), dict(zip(names, actual, strict=True)), tolerance
    )


def _decoder(_manifest: Manifest, _modality: Modality) -> Decode:
    def decode(_encoded: Encoded[Any], outputs: Arrays, _options: EmbedOptions) -> Features:
        return decode_features(outputs)

    return decode


def _example(_manifest: Manifest, case: Any) -> list[float] | None:
    published = getattr(case, EMBEDDING, None)  # a reconstruction's case has one too
    return None if published is None else list(published)


EMBED = Task(
    name="embed",
    about="Return the features of each item, as the last layer reads them,",
    plural="embeddings",
    options=EmbedOptions,
    decoder=_decoder,
    item=lambda features: features,
    golden=GoldenEmbedding,
    golden_options=EmbedOptions(),
    golden_case=lambda features, about: GoldenEmbedding(**about, embedding=features),
    top_answer=lambda features: (f"{len(features)} features", 1.0),
    difference=lambda case, features, tolerance: different_features(
        case.embedding, features, tolerance
    ),
    outputs=frozenset({EMBEDDING}),
    supports=lambda manifest: EMBEDDING in manifest.output_names,
    answer_type=lambda _registry: list[float],
    example=_example,
    tensors=lambda manifest, _modality, _encoder: [graph_output(manifest, EMBEDDING)],
)
