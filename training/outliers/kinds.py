"""Kinds of outliers by name; finding their packages and encoding them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.modalities import Encoder
from training.data.dataset import Sample
from training.data.encode import Examples, encode
from training.data.sources import DataFile, locate, warn
from training.errors import MissingData

Locate = Callable[[DataFile], Path]
# Finds a package → functions that read the samples of each kind, by the name of the kind.
OutlierKinds = Callable[[Locate], Mapping[str, Callable[[], Sequence[Sample]]]]


def gather(
    outliers: OutlierKinds, given: Path | None, encoder: Encoder, like: Examples
) -> dict[str, Examples]:
    """Return the encoded outliers of each kind whose package is found; warn of the others.

    given: the user's data; packages are searched beside them, and then by `locate`. like: examples
    with the same inputs, as the test split.
    """
    found = {}
    for kind, read in outliers(lambda source: _find(source, given)).items():
        try:
            samples = read()
        except MissingData as error:
            warn(f"novelty is not measured against {kind}: {error}")
            continue
        unlabelled = [replace(sample, label="") for sample in samples]
        found[kind], unreadable = encode(encoder, unlabelled, [""], like.inputs)
        assert not unreadable, unreadable[0]
    return found


@dataclass(frozen=True, slots=True)
class SplitOutliers:
    """Encoded outliers to fit the novelty score to, and those of each kind to measure it by.

    train: None where a kind that the score must be fitted to is missing.
    """

    train: list[Examples] | None
    evaluation: dict[str, Examples]


def gather_split(
    outliers: OutlierKinds,
    train_kinds: Sequence[str],
    given: Path | None,
    encoder: Encoder,
    like: Examples,
) -> SplitOutliers:
    """Return the outliers of `train_kinds` to fit novelty to, and all others to measure it by.

    See `gather` for the other arguments.
    """
    found = gather(outliers, given, encoder, like)
    train = [found.pop(kind) for kind in train_kinds if kind in found]
    if len(train) < len(train_kinds):
        warn(f"without {' and '.join(train_kinds)} to fit it to, there is no novelty score")
        return SplitOutliers(None, found)
    return SplitOutliers(train, found)


def _find(source: DataFile, given: Path | None) -> Path:
    if given is not None:
        try:
            return locate([source], given if given.is_dir() else given.parent)[0]
        except MissingData:
            pass
    return locate([source], None)[0]
