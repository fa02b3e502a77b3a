"""Labelled samples as they are in files, before encoding."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.bundle.files import sha256
from app.modalities import Payload


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled payload.

    key: determines the split and the duplicates; by default the content does. group: names samples
    that are held out together, as those of a speaker. fixed: a prescribed split, as the authors'
    test set or material for training alone.
    """

    name: str
    payload: Payload
    label: str
    key: str = ""
    group: str = ""
    fixed: str | None = None

    @property
    def digest(self) -> str:
        """The sha256 of the key, or of the content without a key."""
        return sha256(self.key.encode() if self.key else self.payload.data)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set, its origin and licence. `unreadable` names files that hold no sample."""

    name: str
    source: str
    licence: str
    samples: Sequence[Sample]
    unreadable: Sequence[str] = field(default=())

    @property
    def sha256(self) -> str:
        """One digest of all payloads and labels, independent of their order."""
        lines = sorted(f"{sha256(s.payload.data)} {s.label}" for s in self.samples)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def counts(self) -> Counter[str]:
        """Return the number of samples of each label."""
        return Counter(sample.label for sample in self.samples)
