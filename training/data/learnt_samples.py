"""Which samples a network learnt from: a record in its bundle, for the comparison of versions.

A later version is compared with this one on samples that are new to both. The split of a sample
follows from its content, but not always: a label with few samples gets some in every split, authors
prescribe splits, and recipes have other shares. So the bundle holds the facts, in the file
`LEARNT_SAMPLES`: the first 32 bits of the sha256 of each sample, as little-endian uint32, sorted,
without repetition. Two samples may share these bits. Then one that is new counts as learnt, which
costs the comparison a sample and never adds one.
"""

from collections.abc import Sequence

import numpy as np

from training.data.dataset import Sample, as_table, choose

LEARNT_SAMPLES = "learnt-samples.bin"
_DTYPE = np.dtype("<u4")


def record_samples(*parts: Sequence[Sample]) -> bytes:
    """Return the record of the samples that a network was fitted to or chosen by; none is read."""
    found = np.concatenate([_identities(part).ravel() for part in parts])
    return np.unique(found).astype(_DTYPE).tobytes()


def unrecorded(record: bytes, samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples that are not in a record, in their order; none is read.

    Raises `ValueError` for bytes that are no record.
    """
    known = np.isin(_identities(samples), np.frombuffer(record, _DTYPE)).any(axis=1)
    return choose(samples, np.flatnonzero(~known))


def _identities(samples: Sequence[Sample]) -> np.ndarray:
    """Return what identifies samples, their keys and contents: uint32 (samples, 2).

    The content is what another recipe may see.
    """
    table = as_table(samples)
    first = (column[:, : _DTYPE.itemsize] for column in (table.keys, table.contents))
    return np.stack([np.ascontiguousarray(part).view(">u4")[:, 0] for part in first], axis=1)
