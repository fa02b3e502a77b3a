"""Which samples a network learnt from: a record in its bundle, for the comparison of versions.

A later version is compared with this one on samples that are new to both. The split of a sample
follows from its content, but not always: a label with few samples gets some in every split, authors
prescribe splits, and recipes have other shares. So the bundle holds the facts, in the file
`LEARNT_SAMPLES`: the first 32 bits of the sha256 of each sample, as little-endian uint32, sorted,
without repetition. Two samples may share these bits. Then one that is new counts as learnt, which
costs the comparison a sample and never adds one.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from app.bundle.files import sha256
from training.data.dataset import Sample

LEARNT_SAMPLES = "learnt-samples.bin"
_DTYPE = np.dtype("<u4")
_DIGITS = 2 * _DTYPE.itemsize  # of a hexadecimal digest


def record_samples(samples: Iterable[Sample]) -> bytes:
    """Return the record of the samples that a network was fitted to or chosen by."""
    found = {value for sample in samples for value in _identities(sample)}
    return np.asarray(sorted(found), dtype=_DTYPE).tobytes()


def unrecorded(record: bytes, samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples that are not in a record, in their order.

    Raises `ValueError` for bytes that are no record.
    """
    known = set(np.frombuffer(record, _DTYPE).tolist())
    return [sample for sample in samples if not known & _identities(sample)]


def _identities(sample: Sample) -> set[int]:
    """Return what identifies a sample: its key, and its content, which another recipe may see."""
    digests = (sample.digest, sha256(sample.payload.data))
    return {int(digest[:_DIGITS], 16) for digest in digests}
