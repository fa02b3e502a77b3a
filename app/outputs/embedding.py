"""What the network made of an item before its last layer: the item's features."""

from collections.abc import Mapping

import numpy as np

from app.bundle.tensors import EMBEDDING
from app.errors import GoldenMismatch


def decode_embedding(outputs: Mapping[str, np.ndarray]) -> tuple[float, ...]:
    """Return the features of one item; raise `GoldenMismatch` unless all are numbers."""
    features = outputs[EMBEDDING].reshape(-1)
    if not np.isfinite(features).all():
        raise GoldenMismatch("the graph gives features that are not numbers")
    return tuple(features.tolist())
