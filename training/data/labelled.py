"""Anyone's labelled files: a folder with one sub-folder per label, or a table of texts.

A folder holds images, sounds or texts (told by their names, all of one kind); a table is
CSV or JSONL with the columns `text` and `label`. What cannot be used is named.
"""

import csv
import mimetypes
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from app.inputs import Payload
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


def load(given: Path) -> Dataset:
    """Return the samples of a folder or a table; raise `MissingData` or `BadData`."""
    if not given.exists():
        raise MissingData(f"{given} does not exist")
    if given.is_file() and given.suffix.lower() not in TABLES:
        raise BadData(f"{given}: expected a folder, or a table ({', '.join(TABLES)})")
    samples, unreadable = _table(given) if given.is_file() else _folder(given)
    return Dataset(given.stem, _OWN, "not stated", samples, unreadable)


def modality(dataset: Dataset) -> str:
    """Return image, audio or text; raise `BadData` when the samples are of several kinds."""
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
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and _visible(path)]
    if not folders:
        raise BadData(f"{root}: expected one sub-folder per label, found none")
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and _visible(p)):
            kind = _media_type(path)
            name = path.relative_to(root).as_posix()
            if kind is None:
                unusable.append(f"{name} (neither image, sound nor text by its name)")
                continue
            samples.append(Sample(name, Payload(path.read_bytes(), kind), folder.name))
    return samples, unusable


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _media_type(path: Path) -> str | None:
    suffix = path.suffix.lower()
    kind = _MORE_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "")
    return kind if kind.split("/")[0] in ("image", "audio", "text") else None


def _table(path: Path) -> tuple[list[Sample], list[str]]:
    samples, unusable = [], []
    for number, row in _rows(path):
        name = f"{path.name}, line {number}"
        text, label = row.get("text"), row.get("label")
        if isinstance(label, int | bool):
            label = str(label)
        if not isinstance(text, str) or not text.strip() or not isinstance(label, str) or not label:
            unusable.append(f"{name} (text or label is missing)")
            continue
        payload = Payload(text.encode("utf-8", "surrogatepass"), "text/plain", "utf-8")
        samples.append(Sample(name, payload, label))
    return samples, unusable


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if line.strip():
                yield number, _json_row(line)
        return
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            missing = {"text", "label"} - set(table.fieldnames or ())
            if missing:
                raise BadData(f"{path}: the table has no column {' and no '.join(sorted(missing))}")
            for row in table:
                yield table.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not a readable UTF-8 table: {error}") from None


def _json_row(line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}
