"""How far an answer can be relied on: its prediction set, its novelty, and whether it abstains.

All three are given by a model whose manifest has their thresholds, and left out of any other's
answers. An abstained answer still has its label and probabilities: what to do with them is the
client's choice.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.bundle import Conformal, Manifest
from app.bundle.tensors import NOVELTY
from app.errors import GoldenMismatch


class Reliability(NamedTuple):
    """Each is None where the model has no threshold for it."""

    prediction_set: tuple[str, ...] | None = None
    novelty: float | None = None
    abstained: bool | None = None


def reliability(
    manifest: Manifest, scores: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> Reliability:
    """Return how far an answer can be relied on; scores: float32 (labels,), probabilities.

    The model abstains when the item is unlike the training data, or when the prediction set is
    uninformative. Raises `GoldenMismatch` when novelty is no number in 0..1.
    """
    credible = novelty = None
    unlike = undecided = False
    if manifest.conformal is not None:
        credible = prediction_set(scores, manifest.labels, manifest.conformal)
        undecided = bool(is_uninformative(len(credible), len(manifest.labels)))
    if manifest.novelty is not None:
        novelty = float(outputs[NOVELTY])
        if not 0 <= novelty <= 1:  # so NaN is refused as well
            raise GoldenMismatch(f"{manifest.name}: the graph gives a novelty that is none")
        unlike = novelty >= manifest.novelty.threshold
    if credible is None and novelty is None:
        return Reliability()
    return Reliability(credible, novelty, unlike or undecided)


def in_prediction_set(scores: np.ndarray, conformal: Conformal) -> np.ndarray:
    """Return which labels are in the set: bool, in the shape of the float32 probabilities."""
    return np.asarray(scores >= np.float32(conformal.threshold))


def is_uninformative(size: int | np.ndarray, labels: int) -> bool | np.ndarray:
    """Say of sets of so many labels whether each is empty or holds every one of `labels`."""
    return (size == 0) | (size == labels)


def prediction_set(
    scores: np.ndarray, labels: Sequence[str], conformal: Conformal
) -> tuple[str, ...]:
    """Return the labels whose probability reaches the threshold, the most probable first."""
    credible = np.flatnonzero(in_prediction_set(scores, conformal))
    ranked = credible[np.argsort(-scores[credible], kind="stable")]
    return tuple([labels[i] for i in ranked.tolist()])
