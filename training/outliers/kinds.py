"""Kinds of outliers by name, and finding the packages that hold them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.modalities import Encoder
from training.data.dataset import Sample
from training.data.encode import Examples, encode
from training.data.sources import DataFile, locate, warn
from training.errors import MissingData

Locate = Callable[[DataFile], Path]
# From where packages lie to what tells each kind's samples; a kind is read when it is wanted.
OutlierKinds = Callable[[Locate], Mapping[str, Callable[[], Sequence[Sample]]]]


def gather(
    outliers: OutlierKinds, given: Path | None, encoder: Encoder, like: Examples
) -> dict[str, Examples]:
    """Return the encoded outliers of every kind whose package is found; `like` is the test split.

    Packages are looked for beside the data that were given, then where `locate` does.
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


def gather_shown(
    kinds: tuple[OutlierKinds, Sequence[str]], given: Path | None, encoder: Encoder, like: Examples
) -> tuple[dict[str, Examples], list[Examples] | None]:
    """Return the kinds to measure by, and those that are shown: None where one is missing."""
    outliers, names = kinds
    found = gather(outliers, given, encoder, like)
    shown = [found.pop(kind) for kind in names if kind in found]
    if len(shown) < len(names):
        warn(f"without {' and '.join(names)} to fit it to, there is no novelty score")
        return found, None
    return found, shown


def _find(source: DataFile, given: Path | None) -> Path:
    if given is not None:
        try:
            return locate([source], given if given.is_dir() else given.parent)[0]
        except MissingData:
            pass
    return locate([source], None)[0]
