"""A person's own data → a `Dataset`, from any folder, table, archive or address.

Reading says what it understood and what it left out; nothing is dropped or repaired in silence.
Files and texts stay on disk, and are read when they are needed.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from training.data.dataset import Dataset
from training.data.duplicates import deduplicate
from training.data.reading.files import read_files
from training.data.reading.kinds import SampleKind, file_kinds, listed
from training.data.reading.names import data_stem, is_compressed, is_table
from training.data.reading.options import ReadingOptions
from training.data.reading.plan import Plan, plan
from training.data.reading.remote import is_downloaded
from training.data.reading.texts import read_texts
from training.data.reading.unpack import (
    decompressed,
    is_archive,
    unpacked,
)
from training.data.sources import warn, warn_each
from training.data.split import Shares, check_classes
from training.data.split_check import check_parts
from training.errors import BadData, MissingData

_LOG = logging.getLogger(__name__)
_DEFAULT = ReadingOptions()
_NAMED = 5


def read_samples(
    given: Path, kinds: Iterable[SampleKind], options: ReadingOptions = _DEFAULT
) -> Dataset:
    """Return the samples of a folder, a table or an archive; raise `MissingData` or `BadData`.

    What was understood is logged, and what a person should look at is a warning.
    """
    dataset = understood(given, kinds, options)
    for note in dataset.notes:
        _LOG.info("%s", note)
    warn_each(dataset.warnings)
    return dataset


def understood(
    given: Path, kinds: Iterable[SampleKind], options: ReadingOptions = _DEFAULT
) -> Dataset:
    """Return what `read_samples` returns, without a word."""
    found, left_out = _planned(given, options)
    if found.tables:
        return _texts(given, _state(given), options)
    assert found.files is not None  # a plan has the one or the other
    dataset = read_files(found.name, found.files, file_kinds(kinds), options)
    return replace(dataset, unreadable=[*dataset.unreadable, *left_out])


def check(given: Path, options: ReadingOptions = _DEFAULT, *, for_training: bool = True) -> None:
    """Raise `MissingData` or `BadData` for what names and tables say is wrong.

    Neither torch nor a file of a folder is needed. A table is read whole, and only once.
    for_training: whether there must be enough samples of two labels.
    """
    found, left_out = _planned(given, options)
    if found.tables:
        dataset = _texts(given, _state(given), options)
        if not for_training:
            return
        if not len(dataset.samples):
            raise nothing_found(dataset, "text")
        different, remarks = deduplicate(dataset)
        try:
            check_classes(different)
            check_parts(different, Shares())
        except BadData:
            warn_each([*dataset.warnings, *remarks])
            warn_unusable(dataset)
            raise
        return
    assert found.files is not None
    if not for_training:
        return
    labels = sorted(found.files.labels.counts())
    if len(labels) < 2:
        warn_each([*found.files.unusable, *left_out])
        raise BadData(
            f"{found.name}: at least two labels are needed, found {', '.join(labels) or 'none'}"
        )


def modality(dataset: Dataset, kinds: Iterable[SampleKind]) -> str:
    """Return the name of the samples' kind; raise `BadData` for samples of several or of none."""
    kinds, found = list(kinds), dict[str, int]()
    for media_type, count in dataset.media_types().items():
        named = (kind.name for kind in kinds if media_type in kind.media_types.values())
        kind = next(named, media_type.split("/")[0])
        found[kind] = found.get(kind, 0) + count
    if not found:
        raise nothing_found(dataset, listed(file_kinds(kinds), "or"))
    if len(found) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in found.items())
        raise BadData(f"{dataset.name}: files of one kind are needed, found {counts}")
    return next(iter(found))


def nothing_found(dataset: Dataset, expected: str) -> BadData:
    """Return the error for a data set without a sample; it names what could not be used."""
    named = f"; not usable: {', '.join(dataset.unreadable[:_NAMED])}" if dataset.unreadable else ""
    return BadData(f"{dataset.name}: no {expected} found{named}")


def warn_unusable(dataset: Dataset) -> None:
    """Warn of the files and rows that hold no sample, with the reasons."""
    if dataset.unreadable:
        warn(f"{len(dataset.unreadable)} file(s) or row(s) cannot be used:")
        warn_each([f"  {line}" for line in dataset.unreadable])


State = tuple[tuple[str, int, int], ...]


def _planned(given: Path, options: ReadingOptions) -> tuple[Plan, list[str]]:
    """Return what is to be read, and what was left out before."""
    if not given.exists():
        raise MissingData(f"{given} does not exist")
    return _plan(given, _state(given), options)


@lru_cache(maxsize=2)
def _plan(given: Path, state: State, options: ReadingOptions) -> tuple[Plan, list[str]]:
    trusted = not is_downloaded(given)
    if given.is_file() and is_archive(given):
        folder, left_out = _unpacked(given, state)
        return plan(data_stem(given), folder, options, trusted=False), left_out
    if given.is_file() and is_compressed(given):
        return plan(data_stem(given), decompressed(given), options, trusted=trusted), []
    return plan(data_stem(given.resolve()), given, options, trusted=trusted), []


def _state(given: Path) -> State:
    """Return what changes when the files or folders at a path do."""
    paths = [given]
    if given.is_dir():
        for folder, _, files in os.walk(given):
            paths.append(Path(folder))
            paths += [Path(folder, file) for file in files if is_table(Path(file))]
    states = ((path, path.stat()) for path in paths if path.exists())
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in states)


@lru_cache(maxsize=4)
def _unpacked(given: Path, state: State) -> tuple[Path, list[str]]:
    return unpacked(given)


@lru_cache(maxsize=2)
def _texts(given: Path, state: State, options: ReadingOptions) -> Dataset:
    """Read tables of texts once for `check` and `read`."""
    found, left_out = _planned(given, options)
    dataset = read_texts(found.name, found.tables, options)
    return replace(dataset, unreadable=[*dataset.unreadable, *found.unusable, *left_out])
