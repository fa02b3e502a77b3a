"""Samples as they lie in files, before anything is computed from them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.bundle.files import sha256
from app.modalities import Payload


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled payload.

    `key` decides the split and what counts as a duplicate (by default the content);
    `group` names what must be held out together (a speaker); `fixed` is the split that
    is prescribed, if one is: the authors' test set, or material to train on alone.
    """

    name: str
    payload: Payload
    label: str
    key: str = ""
    group: str = ""
    fixed: str | None = None

    @property
    def digest(self) -> str:
        """The sha256 that stands for this sample's content."""
        return sha256(self.key.encode() if self.key else self.payload.data)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set and where it comes from. `unreadable` names files that hold no sample."""

    name: str
    source: str
    licence: str
    samples: Sequence[Sample]
    unreadable: Sequence[str] = field(default=())

    @property
    def sha256(self) -> str:
        """One digest over every payload and label, independent of their order."""
        lines = sorted(f"{sha256(s.payload.data)} {s.label}" for s in self.samples)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def counts(self) -> Counter[str]:
        """Return how many samples each label has."""
        return Counter(sample.label for sample in self.samples)
