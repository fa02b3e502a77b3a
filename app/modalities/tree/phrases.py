"""The explanation of a tree's label: the label of every phrase in the tree."""

from collections.abc import Mapping, Sequence
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
    """A phrase of a tree, its own label, and the probability of that label.

    parent: the place, from 0, of the smallest phrase around it; null for the whole tree.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED_MEMBERS

    text: str
    label: str
    probability: float
    parent: int | None


def explain_tree(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> list[Phrase] | None:
    """Return every phrase of a tree with its label."""
    if NODES not in outputs or not isinstance(encoded.context, BinaryTree):
        return None
    tree = encoded.context
    return label_phrases(tree.phrases(), outputs[NODES], manifest.labels, tree.parents())


def label_phrases(
    phrases: Sequence[str | None],
    scores: np.ndarray,
    labels: Sequence[str],
    parents: Sequence[int | None],
) -> list[Phrase]:
    """Return the phrases with their labels, from the whole tree to the single words.

    phrases: one for each node, leaves first; None is left out. scores: float32 (nodes, labels).
    parents: the node above each, None for the root.
    Raises `ModelOutputInvalid` unless all scores are finite.
    """
    if not np.isfinite(scores).all():
        raise ModelOutputInvalid("the graph gives probabilities of phrases that are not numbers")
    best = scores.argmax(axis=1)
    leaves = (len(phrases) + 1) // 2  # of a binary tree
    order = (*reversed(range(leaves, len(phrases))), *range(leaves))
    named = [(node, text) for node in order if (text := phrases[node]) is not None]
    places = {node: place for place, (node, _) in enumerate(named)}
    return [
        Phrase(
            text=text if len(text) <= MAX_PHRASE_CHARS else text[: MAX_PHRASE_CHARS - 1] + "…",
            label=labels[best[node]],
            probability=float(scores[node, best[node]]),
            parent=_named_above(node, parents, places),
        )
        for node, text in named
    ]


def _named_above(node: int, parents: Sequence[int | None], places: Mapping[int, int]) -> int | None:
    """Return the place of the nearest node above that is a phrase; None if there is none."""
    above = parents[node]
    while above is not None and above not in places:
        above = parents[above]
    return None if above is None else places[above]
