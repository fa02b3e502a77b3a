"""Trees in training: recipes alone have them, as no labelled file says that it holds a tree."""

import numpy as np

from app.bundle.tensors import Arrays
from app.modalities.tree import TREE
from app.modalities.tree.encoder import UNKNOWN_ID
from training.modalities.modality import TrainingModality


def forget_words(item: Arrays, forgotten: np.ndarray) -> Arrays:
    """Replace the words of `forgotten`, bool (leaves,), by the unknown word; the shape stays."""
    return {**item, "tokens": np.where(forgotten, UNKNOWN_ID, item["tokens"])}


TRAINING_TREE = TrainingModality(
    served=TREE, noun="tree", plural="trees", remover=lambda _spec, _bands: forget_words
)
