"""What a bundle's graph says of encoded items, whatever it calls its inputs and its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.batching.collate import collate
from app.bundle import Manifest
from app.bundle.tensors import NOVELTY, Arrays
from app.runtime.session import Session
from training.measuring.calibrate import softmax

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Answers:
    """Probabilities, float32 (items, labels), and novelty, float32 (items,), where it is told."""

    probabilities: np.ndarray
    novelty: np.ndarray | None = None


def answers_of(manifest: Manifest, session: Session, items: Sequence[Arrays]) -> Answers:
    """Return what a session of the bundle's graph, or of one like it, says of the items."""
    starts = range(0, len(items), _BATCH)
    parts = [session.run(feeds(manifest, items[i : i + _BATCH])) for i in starts]
    scores = np.concatenate([part[manifest.outputs[0].name] for part in parts])
    scores = scores.reshape(len(items), len(manifest.labels))
    if manifest.scores == "logits":
        scores = softmax(scores, manifest.temperature).astype(np.float32)
    if all(NOVELTY in part for part in parts):
        return Answers(scores, np.concatenate([part[NOVELTY] for part in parts]))
    return Answers(scores)


def feeds(manifest: Manifest, items: Sequence[Arrays]) -> Mapping[str, np.ndarray]:
    """Return the graph's inputs for a batch of encoded items."""
    arrays = collate(items, manifest.encoder.tensors())
    names = (spec.name for spec in manifest.inputs)
    return dict(zip(names, arrays.values(), strict=True))
