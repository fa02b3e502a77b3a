"""Files with labels → samples that are read when they are needed.

Each file is read once, for its kind, its fingerprint and its digest, in one process per core; what
is kept of it is its path and some 80 bytes. Samples are of the kind that most files have; the
others are named, and so is each file that the default encoder of its kind cannot read.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.charset import decode_text
from training.data.dataset import DIGEST, FIXED, Dataset, SampleTable
from training.data.processes import cores, each_batch
from training.data.reading.case import case_note, keeps_case
from training.data.reading.interned import InternedNames
from training.data.reading.kinds import Examined, FileBatch, FileKind, examine, kind_of
from training.data.reading.labels import merged
from training.data.reading.near import near_duplicates
from training.data.reading.options import ReadingOptions
from training.data.reading.stores import FileStore, own_dataset

_BATCH = 64  # files
_MANY, _MANY_BYTES = 2_000, 50_000_000  # for which it pays to start processes
_LOOKED_AT = 200  # files by which the case of texts is judged
_TEXT = "text"


@dataclass(slots=True)
class FileList:
    """Files below `root` with their labels, groups, and the parts that their authors chose."""

    root: Path
    paths: list[str] = field(default_factory=list)
    labels: InternedNames = field(default_factory=InternedNames)
    groups: InternedNames = field(default_factory=InternedNames)
    fixed: "array[int]" = field(default_factory=lambda: array("b"))
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)

    def append(self, path: str, label: str, part: str | None = None, group: str = "") -> None:
        """Add a file."""
        self.paths.append(path)
        self.labels.append(label)
        self.groups.append(group)
        self.fixed.append(FIXED.index(part))


@dataclass(slots=True)
class _Found:
    """What examining the files gave, in columns: one entry for each file."""

    kinds: "array[int]" = field(default_factory=lambda: array("b"))  # -1: none
    media_types: InternedNames = field(default_factory=InternedNames)
    keys: bytearray = field(default_factory=bytearray)
    contents: bytearray = field(default_factory=bytearray)
    outlines: "array[int]" = field(default_factory=lambda: array("Q"))
    has_outline: bytearray = field(default_factory=bytearray)
    problems: dict[int, str] = field(default_factory=dict)

    def append(self, examined: Examined, number_of: dict[str, int]) -> None:
        if examined.problem:
            self.problems[len(self.kinds)] = examined.problem
        self.kinds.append(number_of.get(examined.kind, -1))
        self.media_types.append(examined.media_type)
        self.keys += examined.key or bytes(DIGEST)
        self.contents += examined.content or bytes(DIGEST)
        self.outlines.append(examined.outline or 0)
        self.has_outline.append(examined.outline is not None)


def read_files(
    name: str, files: FileList, kinds: Sequence[FileKind], options: ReadingOptions
) -> Dataset:
    """Return the samples of the kind that most files have; the other files are named."""
    texts, size = _typical(files, kinds)
    keeps = keeps_case(texts, options.text_case)
    many = len(files.paths) > _MANY or size > _MANY_BYTES
    found, number_of = _Found(), {kind.name: i for i, kind in enumerate(kinds)}
    for batch in each_batch(
        examine, _batches(files, kinds, keeps), processes=cores() if many else 1
    ):
        for examined in batch:
            found.append(examined, number_of)
    used, unusable = _of_one_kind(files, found, kinds)
    becomes, said = merged(name, files.labels.counts())
    table = _table(files, found, becomes)
    dataset = own_dataset(name, table, used, [*unusable, *files.unusable])
    warnings = [*files.warnings, *said]
    kind = kinds[found.kinds[used[0]]] if len(used) else None
    are_texts = kind is not None and kind.name == _TEXT
    if are_texts and (note := case_note(name, keeps, options.text_case)):
        warnings.append(note)
    if kind is not None:
        has_outline = np.frombuffer(found.has_outline, dtype=bool)[used]
        outlines = np.asarray(found.outlines, dtype=np.uint64)[used]
        samples = table.select(used)
        warnings += near_duplicates(samples, outlines, has_outline, kind.fingerprint)
    return replace(dataset, keeps_case=keeps and are_texts, notes=files.notes, warnings=warnings)


def _table(files: FileList, found: _Found, becomes: dict[str, str]) -> SampleTable:
    """Return all files as samples, also those that hold none."""
    media_types, numbers = found.media_types.sorted()
    paths = pa.array(files.paths, pa.large_string())
    return SampleTable(
        FileStore(files.root, paths, media_types, numbers.astype(np.uint8)),
        np.arange(len(files.paths)),
        *files.labels.sorted(becomes),
        _digests(found.keys),
        _digests(found.contents),
        *files.groups.sorted(),
        np.frombuffer(files.fixed, dtype=np.int8) if files.paths else np.zeros(0, np.int8),
    )


def _digests(joined: bytearray) -> np.ndarray:
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, DIGEST)


def _typical(files: FileList, kinds: Sequence[FileKind]) -> tuple[list[str], float]:
    """Return texts from all over the list, and an estimate of the bytes to read."""
    step = max(1, len(files.paths) // _LOOKED_AT)
    texts, size, looked_at = list[str](), 0, files.paths[::step]
    for path in looked_at:
        try:
            with (files.root / path).open("rb") as file:
                head = file.read(4096)
            kind = kind_of(path, head, kinds) if head else None
            if kind is None:
                continue  # it is not read any further
            size += (files.root / path).stat().st_size
            if kind[0].name == _TEXT:
                texts.append(decode_text(Payload(head, kind[1])))
        except (OSError, InvalidInput):
            continue  # `examine` names it
    return texts, step * size


def _batches(files: FileList, kinds: Sequence[FileKind], keeps: bool) -> Iterator[FileBatch]:
    paths = iter(files.paths)
    while batch := list(islice(paths, _BATCH)):
        yield FileBatch(files.root, batch, kinds, keeps)


def _of_one_kind(
    files: FileList, found: _Found, kinds: Sequence[FileKind]
) -> tuple[np.ndarray, list[str]]:
    """Return the places of the readable files of the commonest kind; name the others."""
    counts = Counter(found.kinds)
    counts.pop(-1, None)
    # A file that names itself a text may be anything, so in doubt the samples are no texts.
    major = max(counts, key=lambda number: (counts[number], -number), default=-1)
    used, unusable = [], []
    for place, number in enumerate(found.kinds):
        if number not in (-1, major):
            reason = f"{_a(kinds[number].noun)} among {counts[major]} {kinds[major].plural}"
            unusable.append(f"{files.paths[place]} ({reason})")
        elif place in found.problems:
            unusable.append(f"{files.paths[place]} ({found.problems[place]})")
        else:
            used.append(place)
    return np.asarray(used, dtype=np.int64), unusable


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
