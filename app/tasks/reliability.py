"""The reliability of an answer: its prediction set, its novelty, and whether the model abstains.

An answer has them if the manifest has their thresholds. If the model abstains, the answer still has
a label and probabilities, and the client decides what to do with them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from app.bundle import Conformal, Manifest
from app.bundle.tensors import NOVELTY, Arrays
from app.errors import ModelOutputInvalid
from app.modalities import Encoded
from app.tasks.answer_tensor import TEXT_DTYPE, AnswerTensor

ABSTAINED_TENSOR = "abstained"  # the tensor that says whether the model abstains
ScoresOf = Callable[[Manifest, Arrays], np.ndarray]


class Reliability(NamedTuple):
    """The reliability of one answer; a field is None if the model has no threshold for it.

    abstained_because: the rules that made the model abstain, of a model that has a threshold of
    confidence.
    """

    prediction_set: tuple[str, ...] | None = None
    novelty: float | None = None
    abstained: bool | None = None
    abstained_because: tuple[str, ...] | None = None


def reliability(
    manifest: Manifest, scores: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> Reliability:
    """Return the reliability of an answer; scores: its probabilities, float32 (labels,).

    The model abstains if the item is unlike the training data, if the prediction set is
    uninformative, or if the highest probability is below the threshold of confidence. Raises
    `ModelOutputInvalid` if the novelty is no number in 0..1.
    """
    credible = novelty = None
    unlike = undecided = False
    if manifest.conformal is not None:
        credible = prediction_set(scores, manifest.labels, manifest.conformal)
        undecided = bool(is_uninformative(len(credible), len(manifest.labels)))
    if manifest.novelty is not None:
        novelty = float(outputs[NOVELTY])
        if not 0 <= novelty <= 1:  # true for NaN too
            raise ModelOutputInvalid(f"{manifest.name}: the graph gives a novelty that is none")
        unlike = novelty >= manifest.novelty.threshold
    if manifest.confidence is None:
        if credible is None and novelty is None:
            return Reliability()
        return Reliability(credible, novelty, unlike or undecided)
    hesitant = not is_confident(scores, manifest.confidence.threshold)
    rules = {"confidence": hesitant, "prediction_set": undecided, "novelty": unlike}
    because = tuple(name for name, applies in rules.items() if applies)
    return Reliability(credible, novelty, bool(because), because)


def is_confident(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return whether the highest probability reaches a threshold: bool (...,) of (..., labels)."""
    return np.asarray(scores.max(axis=-1) >= np.float32(threshold))


def in_prediction_set(scores: np.ndarray, conformal: Conformal) -> np.ndarray:
    """Return whether each label is in the set: bool, in the shape of the probabilities."""
    return np.asarray(scores >= np.float32(conformal.threshold))


def is_uninformative(size: int | np.ndarray, labels: int) -> bool | np.ndarray:
    """Return whether sets of these sizes are empty or hold all `labels` labels."""
    return (size == 0) | (size == labels)


def prediction_set(
    scores: np.ndarray, labels: Sequence[str], conformal: Conformal
) -> tuple[str, ...]:
    """Return the labels whose probability reaches the threshold, the most probable first."""
    credible = np.flatnonzero(in_prediction_set(scores, conformal))
    if credible.size > 1:  # mostly it is one
        credible = credible[np.argsort(-scores[credible], kind="stable")]
    return tuple([labels[i] for i in credible.tolist()])


def reliability_tensors(manifest: Manifest, scores: ScoresOf) -> list[AnswerTensor]:
    """Return the tensors of a model's reliability: those for which it has thresholds.

    scores: (manifest, outputs of one item) -> its probabilities, float32 (labels,).
    """

    def read(_encoded: Encoded[Any], outputs: Arrays) -> Reliability:
        return reliability(manifest, scores(manifest, outputs), outputs)

    def credible(_encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        assert manifest.conformal is not None
        return in_prediction_set(scores(manifest, outputs), manifest.conformal)

    def novelty(encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        return np.asarray(read(encoded, outputs).novelty, np.float32)

    def abstained(encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        return np.asarray(read(encoded, outputs).abstained)

    def because(encoded: Encoded[Any], outputs: Arrays) -> bytes:
        return ",".join(read(encoded, outputs).abstained_because or ()).encode()

    labels = len(manifest.labels)
    every = {
        "prediction_set": (manifest.conformal, ("bool", (labels,), credible)),
        NOVELTY: (manifest.novelty, ("float32", (), novelty)),
        ABSTAINED_TENSOR: (manifest.abstains or None, ("bool", (), abstained)),
        "abstained_because": (manifest.confidence, (TEXT_DTYPE, (), because)),
    }
    return [AnswerTensor(name, *it) for name, (rule, it) in every.items() if rule is not None]
