"""The names by which authors call the parts of a data set."""

import re

from training.data.dataset import TEST, TRAIN, VALIDATION

_PARTS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}
_SEPARATOR = re.compile(r"[\s._-]+")


def part_of(name: str) -> str | None:
    """Return the part that a folder or a value names: `train`, `validation` or `test`."""
    return _PARTS.get(name.strip().casefold())


def part_of_file(stem: str) -> str | None:
    """Return the part that a file's name says as a word of its own: `train-00000-of-00001`."""
    words = _SEPARATOR.split(stem.casefold())
    found = {_PARTS[word] for word in words if word in _PARTS}
    return found.pop() if len(found) == 1 else None
