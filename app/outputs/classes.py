"""Scores of one item → a labelled, ranked answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from app.bundle import Manifest
from app.errors import GoldenMismatch
from app.outputs.explanation import HeatMap, Token
from app.outputs.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable label, and the `top` ones with their probabilities, best first.

    `explanation`, where it was asked for and the model gives one, is a tree's phrases, a text's
    tokens, or a map of a picture or a sound. `set`, `novelty` and `abstained` (see
    `app.outputs.doubt`) are None where the model cannot say them.
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    truncated: str | None = None
    explanation: tuple[Phrase, ...] | tuple[Token, ...] | HeatMap | None = None
    set: tuple[str, ...] | None = None
    novelty: float | None = None
    abstained: bool | None = None


def probabilities(manifest: Manifest, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return one probability per label, float32 (labels,), from one item's outputs.

    Graphs exported by `training` end in probabilities; a packed one may end in logits,
    to which softmax is applied at the manifest's temperature.
    """
    scores = outputs[manifest.outputs[0].name].reshape(-1).astype(np.float32, copy=False)
    if scores.size != len(manifest.labels) or not isfinite(scores.sum()):
        raise GoldenMismatch(f"{manifest.name}: the graph does not give a number for every label")
    if manifest.scores == "probabilities":
        return scores
    shifted = np.exp((scores - scores.max()) / np.float32(manifest.temperature))
    return np.asarray(shifted / shifted.sum(), dtype=np.float32)


def decode_classes(
    scores: np.ndarray, labels: Sequence[str], top_k: int, truncated: str | None = None
) -> Prediction:
    """Rank the labels; equal probabilities keep the order of the labels."""
    ranked = np.argsort(-scores, kind="stable")[:top_k]
    top = tuple(zip([labels[i] for i in ranked.tolist()], scores[ranked].tolist(), strict=True))
    return Prediction(top[0][0], top[0][1], top, truncated)
