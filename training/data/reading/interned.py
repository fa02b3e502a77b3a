"""Names of which there are few, kept as numbers: labels and groups of a million samples."""

from array import array
from collections import Counter
from collections.abc import Mapping

import numpy as np


class InternedNames:
    """A column of names: four bytes for each entry, and each name once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._column = array("i")

    def __len__(self) -> int:
        return len(self._column)

    def append(self, name: str) -> None:
        """Add an entry."""
        self._column.append(self._numbers.setdefault(name, len(self._numbers)))

    def counts(self) -> Counter[str]:
        """Return how many entries each name has."""
        found = np.bincount(self.numbers(), minlength=len(self._numbers)).tolist()
        return Counter(dict(zip(self._numbers, found, strict=True)))

    def numbers(self) -> np.ndarray:
        """Return the entries as numbers in the order of first appearance, int32 (entries,)."""
        return (
            np.frombuffer(self._column, dtype=np.int32) if self._column else np.zeros(0, np.int32)
        )

    def sorted(
        self, becomes: Mapping[str, str] | None = None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the names, sorted, and the index of each entry's name, int32 (entries,).

        becomes: the name that a name is replaced by.
        """
        final = [(becomes or {}).get(name, name) for name in self._numbers]
        names = tuple(sorted(set(final)))
        places = {name: place for place, name in enumerate(names)}
        renumbered = np.asarray([places[name] for name in final], dtype=np.int32)
        return names, renumbered[self.numbers()] if len(self) else self.numbers()
