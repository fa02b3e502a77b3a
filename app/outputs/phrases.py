"""What a recursive network says of every part of a tree: its explanation of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LONGEST = 200  # characters of a phrase that are shown


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a tree, what it is called by itself, and how probably."""

    text: str
    label: str
    probability: float


def label_phrases(
    phrases: Sequence[str | None], scores: np.ndarray, labels: Sequence[str]
) -> tuple[Phrase, ...]:
    """Return the phrases with their labels, the whole first and the single words last.

    phrases: those of all nodes, leaves first; None is left out. scores: float32 (nodes, labels).
    """
    best = scores.argmax(axis=1)
    leaves = (len(phrases) + 1) // 2  # of a binary tree
    order = (*reversed(range(leaves, len(phrases))), *range(leaves))
    named = [(node, text) for node in order if (text := phrases[node]) is not None]
    return tuple(
        Phrase(
            text if len(text) <= LONGEST else text[: LONGEST - 1] + "…",
            labels[best[node]],
            float(scores[node, best[node]]),
        )
        for node, text in named
    )
