"""A user's labelled files: a folder with one sub-folder per label, or a table of texts.

A folder holds images, sounds or texts, all of one kind, which the file names tell. A table is CSV,
TSV or JSONL with the columns `text` and `label`. Files and rows that cannot be used are listed.
"""

import codecs
import csv
import mimetypes
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from app.modalities import Payload
from training.data.dataset import Dataset, Sample
from training.errors import BadData, MissingData

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
_MORE_TYPES = {
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".md": "text/plain",
    ".webp": "image/webp",
}
_OWN = "the user's own data"
_LONGEST_FIELD = 64_000_000  # characters; the csv module's 131,072 are too few for long texts


def load(given: Path) -> Dataset:
    """Return the samples of a folder or a table; raise `MissingData` or `BadData`."""
    check(given)
    samples, unreadable = _table(given) if given.is_file() else _folder(given)
    return Dataset(given.stem, _OWN, "not stated", samples, unreadable)


def check(given: Path) -> None:
    """Raise `MissingData` or `BadData` where there can be no labelled samples; none is read."""
    if not given.exists():
        raise MissingData(f"{given} does not exist")
    if given.is_file() and given.suffix.lower() not in TABLES:
        raise BadData(f"{given}: expected a folder, or a table ({', '.join(TABLES)})")
    if given.is_dir() and not any(path.is_dir() for path in _entries(given)):
        raise BadData(f"{given}: expected one sub-folder per label, found none")


def modality(dataset: Dataset) -> str:
    """Return "image", "audio" or "text"; raise `BadData` for samples of several kinds."""
    kinds = Counter(sample.payload.media_type.split("/")[0] for sample in dataset.samples)
    if not kinds:
        named = f"; not usable: {', '.join(dataset.unreadable[:5])}" if dataset.unreadable else ""
        raise BadData(f"{dataset.name}: no image, sound or text found{named}")
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise BadData(f"{dataset.name}: files of one kind are needed, found {counts}")
    return next(iter(kinds))


def _folder(root: Path) -> tuple[list[Sample], list[str]]:
    samples, unusable = [], []
    entries = _entries(root)
    for folder in (path for path in entries if path.is_dir()):
        _check_label(folder)
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        paths = [path for path in paths if _visible(path.relative_to(root))]
        if not paths:
            unusable.append(f"{folder.name}/ (an empty folder)")
        for path in paths:
            kind = _media_type(path)
            name = path.relative_to(root).as_posix()
            if kind is None:
                unusable.append(f"{name} (neither image, sound nor text by its name)")
                continue
            samples.append(Sample(name, Payload(path.read_bytes(), kind), folder.name))
    unusable += [f"{path.name} (in no label's folder)" for path in entries if path.is_file()]
    return samples, unusable


def _entries(root: Path) -> list[Path]:
    return [path for path in sorted(root.iterdir()) if _visible(path.relative_to(root))]


def _check_label(folder: Path) -> None:
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise BadData(f"the folder name {folder.name!r} is not UTF-8; rename it") from None


def _visible(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _media_type(path: Path) -> str | None:
    suffix = path.suffix.lower()
    kind = _MORE_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "")
    return kind if kind.split("/")[0] in ("image", "audio", "text") else None


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
