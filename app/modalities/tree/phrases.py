"""The explanation of a tree's label: the label of every phrase in the tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict

from app.bundle import Manifest
from app.bundle.tensors import NODES, Arrays
from app.errors import ModelOutputInvalid
from app.modalities.payload import Encoded
from app.modalities.tree.binary_tree import BinaryTree
from app.wire import CLOSED_MEMBERS

MAX_PHRASE_CHARS = 200  # of a phrase in an answer; a longer one is truncated


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a tree, its own label, and the probability of that label."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED_MEMBERS

    text: str
    label: str
    probability: float


def explain_tree(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> list[Phrase] | None:
    """Return every phrase of a tree with its label."""
    if NODES not in outputs or not isinstance(encoded.context, BinaryTree):
        return None
    return label_phrases(encoded.context.phrases(), outputs[NODES], manifest.labels)


def label_phrases(
    phrases: Sequence[str | None], scores: np.ndarray, labels: Sequence[str]
) -> list[Phrase]:
    """Return the phrases with their labels, from the whole tree to the single words.

    phrases: one for each node, leaves first; None is left out. scores: float32 (nodes, labels).
    Raises `ModelOutputInvalid` unless all scores are finite.
    """
    if not np.isfinite(scores).all():
        raise ModelOutputInvalid("the graph gives probabilities of phrases that are not numbers")
    best = scores.argmax(axis=1)
    leaves = (len(phrases) + 1) // 2  # of a binary tree
    order = (*reversed(range(leaves, len(phrases))), *range(leaves))
    named = [(node, text) for node in order if (text := phrases[node]) is not None]
    return [
        Phrase(
            text=text if len(text) <= MAX_PHRASE_CHARS else text[: MAX_PHRASE_CHARS - 1] + "…",
            label=labels[best[node]],
            probability=float(scores[node, best[node]]),
        )
        for node, text in named
    ]
