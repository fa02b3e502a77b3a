"""What a model that predicts words says after one of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.bundle.tensors import LOG_PROBABILITIES, NEXT_STATE


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The log-probability of every word to come, float32 (vocabulary,), and the state for it."""

    log_probabilities: np.ndarray
    state: np.ndarray
    truncated: str | None = None


def decode_step(outputs: Mapping[str, np.ndarray], truncated: str | None) -> Step:
    """Return the step of one item's outputs."""
    return Step(outputs[LOG_PROBABILITIES], outputs[NEXT_STATE], truncated)
