"""What a network or a graph has computed of some samples, kept for the rest of a run.

A run asks several times for the same: the last layer and the novelty score are both fitted to the
features of the training samples, and each table of figures reads the probabilities of the test
samples. Within `known_outputs` each is computed once. The key is the content: of the weights or of
the graph, and of the samples. So what is found is what would be computed. Samples that are not
`EncodedItems` are not kept, because their digest takes as long as reading them.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from torch import nn

from training.data.encode import Examples
from training.data.encoded import EncodedItems
from training.networks.backbones.freezing import heads

MOST = 256 << 20  # bytes that are kept
FEATURES_OUTPUT = "features"  # of a network: `ModelOutput.features`, float32 (samples, d)
OutputKey = tuple[str, str, str]
_known: ContextVar["dict[OutputKey, np.ndarray] | None"] = ContextVar("known", default=None)


@contextmanager
def known_outputs() -> Iterator[None]:
    """Keep what is computed while the context lasts."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def key(model: str, examples: Examples, what: str) -> OutputKey | None:
    """Return under what an output of these samples is kept; None where nothing is kept."""
    if _known.get() is None or not isinstance(examples.items, EncodedItems):
        return None
    return model, examples.items.digest, what


def recall(key: OutputKey | None) -> np.ndarray | None:
    """Return what is kept; None if nothing is."""
    known = _known.get()
    return None if key is None or known is None else known.get(key)


def keep(key: OutputKey | None, found: np.ndarray) -> None:
    """Keep an output, unless there is too much already."""
    known = _known.get()
    if key is None or known is None:
        return
    if sum(array.nbytes for array in known.values()) + found.nbytes <= MOST:
        known[key] = found


def graph_digest(model: bytes) -> str:
    """Return the digest of a serialised graph."""
    return hashlib.sha256(model).hexdigest()


def body_digest(network: nn.Module) -> str:
    """Return a digest of the weights that an embedding depends on: all but the last layers'."""
    if _known.get() is None:
        return ""
    last = {id(p) for head in heads(network) for p in head.parameters()}
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if id(tensor) not in last:
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data.cast("B"))
    return digest.hexdigest()
