"""A user's labelled files: a folder with one sub-folder per label, or a table of texts.

A folder holds samples of one modality, which the suffixes of the file names determine. A table is
CSV, TSV or JSONL with the columns `text` and `label`. Unusable files and rows are listed.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from app.modalities import Payload
from training.data.dataset import Dataset, Sample
from training.data.duplicates import deduplicate
from training.data.split import check_classes
from training.errors import BadData, MissingData

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
_OWN = "the user's own data"
_LONGEST_FIELD = 64_000_000  # characters; the csv module's 131,072 are too few for long texts


class SampleKind(Protocol):
    """What is read here of a modality; see `training.modalities.modality.TrainingModality`."""

    @property
    def name(self) -> str:
        """The name of the modality."""

    @property
    def noun(self) -> str:
        """How messages name a sample."""

    @property
    def media_types(self) -> Mapping[str, str]:
        """The media types of its files, by suffix in lower case."""


def load(given: Path, kinds: Iterable[SampleKind]) -> Dataset:
    """Return the samples of a folder or a table; raise `MissingData` or `BadData`."""
    check(given)
    samples, unreadable = _table(given) if given.is_file() else _folder(given, list(kinds))
    return Dataset(given.stem, _OWN, "not stated", samples, unreadable)


def check(given: Path) -> None:
    """Raise `MissingData` or `BadData` where there can be no labelled samples; none is read."""
    if not given.exists():
        raise MissingData(f"{given} does not exist")
    if given.is_file() and given.suffix.lower() not in TABLES:
        raise BadData(f"{given}: expected a folder, or a table ({', '.join(TABLES)})")
    if given.is_dir() and not any(path.is_dir() for path in _entries(given)):
        raise BadData(f"{given}: expected one sub-folder per label, found none")


def check_labels(given: Path) -> None:
    """Raise `BadData` where samples of two labels are missing; no file of a folder is read."""
    if given.is_file():
        dataset = load(given, ())
        if not dataset.samples:
            raise _nothing_found(dataset, "text")
        check_classes(deduplicate(dataset)[0])
        return
    labels = [folder.name for folder in _folders(given) if any(_files(folder, given))]
    if len(labels) == 1:
        raise BadData(f"{given.stem}: at least two labels are needed, found {labels[0]}")


def modality(dataset: Dataset, kinds: Iterable[SampleKind]) -> str:
    """Return the name of the samples' kind; raise `BadData` for samples of several kinds."""
    kinds, found = list(kinds), Counter[str]()
    for media_type, count in Counter(s.payload.media_type for s in dataset.samples).items():
        found[_kind(media_type, kinds)] += count
    if not found:
        raise _nothing_found(dataset, _listed(kinds, "or"))
    if len(found) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in found.most_common())
        raise BadData(f"{dataset.name}: files of one kind are needed, found {counts}")
    return next(iter(found))


def _nothing_found(dataset: Dataset, expected: str) -> BadData:
    named = f"; not usable: {', '.join(dataset.unreadable[:5])}" if dataset.unreadable else ""
    return BadData(f"{dataset.name}: no {expected} found{named}")


def _kind(media_type: str, kinds: Iterable[SampleKind]) -> str:
    """Return the kind whose files have this media type; a top-level type is a kind's name too."""
    named = (kind.name for kind in kinds if media_type in kind.media_types.values())
    return next(named, media_type.split("/")[0])


def _listed(kinds: Iterable[SampleKind], last: str) -> str:
    """Return what files may hold, with `last` before the last noun."""
    *nouns, final = (kind.noun for kind in kinds if kind.media_types)
    return f"{', '.join(nouns)} {last} {final}"


def _folder(root: Path, kinds: Iterable[SampleKind]) -> tuple[list[Sample], list[str]]:
    media_types = {suffix: name for k in kinds for suffix, name in k.media_types.items()}
    samples, unusable = [], []
    for folder in _folders(root):
        paths = sorted(_files(folder, root))
        if not paths:
            unusable.append(f"{folder.name}/ (an empty folder)")
        for path in paths:
            media_type = media_types.get(path.suffix.lower())
            name = path.relative_to(root).as_posix()
            if media_type is None:
                unusable.append(f"{name} (neither {_listed(kinds, 'nor')} by its name)")
                continue
            samples.append(Sample(name, Payload(path.read_bytes(), media_type), folder.name))
    stray = (path for path in _entries(root) if path.is_file())
    unusable += [f"{path.name} (in no label's folder)" for path in stray]
    return samples, unusable


def _entries(root: Path) -> list[Path]:
    return [path for path in sorted(root.iterdir()) if _visible(path.relative_to(root))]


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folder of each label; raise `BadData` for one whose name is no label."""
    for folder in _entries(root):
        if folder.is_dir():
            _check_label(folder)
            yield folder


def _files(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the files under a label's folder, without the hidden ones."""
    for path in folder.rglob("*"):
        if path.is_file() and _visible(path.relative_to(root)):
            yield path


def _check_label(folder: Path) -> None:
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise BadData(f"the folder name {folder.name!r} is not UTF-8; rename it") from None


def _visible(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _table(path: Path) -> tuple[list[Sample], list[str]]:
    samples, unusable = [], []
    for number, row in _rows(path):
        name = f"{path.name}, line {number}"
        if row is None:
            unusable.append(f"{name} (not a JSON object)")
            continue
        text, label = row.get("text"), row.get("label")
        if isinstance(label, int | float):
            label = str(label)
        label = label.strip() if isinstance(label, str) else ""
        if not isinstance(text, str) or not text.strip() or not label:
            unusable.append(f"{name} (text or label is missing)")
            continue
        samples.append(Sample(name, Payload(text.encode(), "text/plain", "utf-8"), label))
    return samples, unusable


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield the number of each row's last line and the row; None for a line that is no object."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        for number, line in enumerate(data.splitlines(), 1):
            if line.strip():
                yield number, _json_row(line)
        return
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            missing = {"text", "label"} - set(table.fieldnames or ())
            if missing:
                found = ", ".join(table.fieldnames or ()) or "none"
                raise BadData(
                    f"{path}: the table has no column {' and no '.join(sorted(missing))}; "
                    f"its columns: {found[:200]}"
                )
            for row in table:
                yield table.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not a readable UTF-8 table: {error}") from None


def _json_row(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None
