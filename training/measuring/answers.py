"""What a bundle's graph says of encoded items, whatever it calls its inputs and its scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle import Manifest
from app.bundle.tensors import NOVELTY, Arrays
from app.runtime.session import Session
from training.exporting.graph import runner_for
from training.measuring.calibrate import softmax

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Answers:
    """Probabilities, float32 (items, labels), and novelty, float32 (items,), where it is told."""

    probabilities: np.ndarray
    novelty: np.ndarray | None = None


def answers_of(manifest: Manifest, session: Session, items: Sequence[Arrays]) -> Answers:
    """Return what a session of the bundle's graph, or of one like it, says of the items."""
    names = [manifest.outputs[0].name]
    if any(spec.name == NOVELTY for spec in manifest.outputs):
        names.append(NOVELTY)
    found = runner_for(manifest, session).run(items, names, batch_size=_BATCH)
    scores = found[names[0]].reshape(len(items), len(manifest.labels))
    if manifest.scores == "logits":
        scores = softmax(scores, manifest.temperature).astype(np.float32)
    return Answers(scores, found.get(NOVELTY))
