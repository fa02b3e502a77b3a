"""Trees in training: recipes alone have them, as no labelled file says that it holds a tree."""

from collections.abc import Sequence

import numpy as np

from app.bundle.tensors import Arrays
from app.modalities.tree import TREE
from app.modalities.tree.encoder import UNKNOWN_ID
from app.modalities.tree.phrases import Phrase
from app.modalities.tree.spec import TreeSpec
from training.exporting.card.inputs import InputCard
from training.exporting.card.markdown import cell, code
from training.modalities.modality import TrainingModality

_PARTS = 6  # phrases that a card shows of an explanation


def forget_words(item: Arrays, forgotten: np.ndarray) -> Arrays:
    """Replace the words of `forgotten`, bool (leaves,), by the unknown word; the shape stays."""
    return {**item, "tokens": np.where(forgotten, UNKNOWN_ID, item["tokens"])}


def _reads(spec: TreeSpec) -> str:
    if spec.notation == "ptb":
        return (
            f"a sentence of up to {spec.max_leaves:,} words, as plain text or with its binary tree"
        )
    return f"a nested list of up to {spec.max_leaves:,} tokens"


def _largest(explanation: Sequence[Phrase] | None) -> str:
    below = list(explanation or ())[1:]
    inner = [part for part in below if " " in part.text] or below
    return "; ".join(
        f"{code(part.text)} → {cell(part.label)} {part.probability:.2f}" for part in inner[:_PARTS]
    )


TRAINING_TREE = TrainingModality(
    served=TREE,
    noun="tree",
    plural="trees",
    remover=lambda _spec, _bands: forget_words,
    card=InputCard(reads=_reads, parts=_largest),
)
