"""Held-out samples that a network cannot tell from a training sample, found after encoding.

Files that differ may be one input: the same pixels as PNG and as BMP, texts that differ in a space.
A figure on such a sample says how well the network remembers.
"""

import hashlib
from collections.abc import Iterator, Sequence

from app.bundle.tensors import Arrays
from training.data.dataset import TEST, VALIDATION, name_of
from training.data.encode import Examples

_NAMED = 3


def without_leaks(
    train: Examples, validation: Examples, test: Examples
) -> tuple[list[Examples], list[str]]:
    """Return the parts without the held-out examples that equal others, and a line on each part.

    A validation example that equals a training example goes, and a test example that equals one of
    either. Every item is read once; one digest of 16 bytes is kept of each.
    """
    seen, parts, remarks = set(_digests(train.items)), [train], []
    for name, part in ((VALIDATION, validation), (TEST, test)):
        digests = list(_digests(part.items))
        kept = [i for i, digest in enumerate(digests) if digest not in seen]
        gone = [name_of(part.samples, i) for i in range(len(part)) if digests[i] in seen]
        seen.update(digests)
        if gone:
            remarks.append(_remark(name, gone))
            part = part.select(kept)
        parts.append(part)
    return parts, remarks


def _remark(part: str, gone: Sequence[str]) -> str:
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    return (
        f"{len(gone)} {part} sample(s) dropped, which the encoder makes equal to others that the "
        f"network learns from or is chosen by: {', '.join(gone[:_NAMED])}{more}"
    )


def _digests(items: Sequence[Arrays]) -> Iterator[bytes]:
    """Yield a digest of the arrays of each item, with their names, types and shapes."""
    for item in items:
        digest = hashlib.blake2b(digest_size=16)
        for name, array in item.items():
            digest.update(f"{name} {array.dtype} {array.shape} ".encode())
            digest.update(array.tobytes())
        yield digest.digest()
