"""Tables of texts → samples whose texts lie in an Arrow file that is mapped into memory.

A table is read as a stream, so memory grows by the columns of a `SampleTable` alone: some 80 bytes
for each text. The texts are cleaned for their fingerprints in one process per core.
"""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from app.errors import InvalidInput
from training.data.dataset import DIGEST, FIXED, Dataset, SampleTable
from training.data.fingerprints import text_key
from training.data.processes import cores, each_batch
from training.data.reading.case import case_note, keeps_case
from training.data.reading.columns import Columns, choose_columns
from training.data.reading.heads import OpenTable
from training.data.reading.interned import InternedNames
from training.data.reading.labels import NoLabel, check_no_quantity, label_from, merged
from training.data.reading.options import ReadingOptions
from training.data.reading.scratch import scratch_folder
from training.data.reading.splits import part_of
from training.data.reading.stores import TEXT_SCHEMA, TextStore, own_dataset
from training.errors import BadData

_BATCH = 4_096  # texts
_KNOWN = 10_000  # values
_MANY = 30_000  # texts, for which it pays to start processes


class TableOfTexts(NamedTuple):
    """A table, and the part that its authors say it is."""

    table: OpenTable
    part: str | None = None


class _Chosen(NamedTuple):
    """A table, its number, the part that it is, and its columns."""

    number: int
    table: OpenTable
    part: str | None
    columns: Columns


class HashJob(NamedTuple):
    """Texts whose digests are wanted."""

    texts: Sequence[str]
    keeps_case: bool


class Hashes(NamedTuple):
    """The sha256 of the fingerprints and of the texts, joined; which texts have no fingerprint."""

    keys: bytes | bytearray
    contents: bytes | bytearray
    problems: list[tuple[int, str]]


def hash_texts(job: HashJob) -> Hashes:
    """Return the digests of some texts; a text without a fingerprint has zeros."""
    keys, contents, problems = [], [], []
    for number, text in enumerate(job.texts):
        contents.append(hashlib.sha256(text.encode()).digest())
        try:
            keys.append(hashlib.sha256(text_key(text, job.keeps_case)).digest())
        except InvalidInput as error:
            keys.append(bytes(DIGEST))
            problems.append((number, str(error)))
    return Hashes(b"".join(keys), b"".join(contents), problems)


@dataclass(slots=True)
class _Samples:
    """The columns that grow while tables are read."""

    labels: InternedNames = field(default_factory=InternedNames)
    groups: InternedNames = field(default_factory=InternedNames)
    fixed: "array[int]" = field(default_factory=lambda: array("b"))
    known: dict[str, str] = field(default_factory=dict)  # the labels of values that came before
    unusable: list[str] = field(default_factory=list)


def read_texts(name: str, tables: Sequence[TableOfTexts], options: ReadingOptions) -> Dataset:
    """Return the samples of the tables; raise `BadData` where their columns are not clear."""
    chosen, notes, samples = _with_columns(tables, options)
    typical = [text for each in chosen for text in each.table.head.values(each.columns.data)]
    keeps = keeps_case(typical, options.text_case)
    warnings = [note] if (note := case_note(name, keeps, options.text_case)) else []
    file = scratch_folder() / "texts.arrow"
    hashes = _spooled(file, chosen, samples, keeps)
    becomes, said = merged(name, samples.labels.counts())
    check_no_quantity(name, samples.labels.counts())
    labels, groups = samples.labels.sorted(becomes), samples.groups.sorted()
    used = np.ones(len(samples.labels), dtype=bool)
    store = TextStore(
        file,
        tuple(each.table.path.name for each in chosen),
        tuple(each.table.place for each in chosen),
    )
    for row, problem in hashes.problems:
        used[row] = False
        samples.unusable.append(f"{store.name(row)} ({problem})")
    table = SampleTable(
        store,
        np.arange(len(used)),
        *labels,
        np.frombuffer(hashes.keys, dtype=np.uint8).reshape(-1, DIGEST),
        np.frombuffer(hashes.contents, dtype=np.uint8).reshape(-1, DIGEST),
        *groups,
        np.frombuffer(samples.fixed, dtype=np.int8) if len(used) else np.zeros(0, np.int8),
    )
    dataset = own_dataset(name, table, np.flatnonzero(used), samples.unusable)
    return replace(dataset, keeps_case=keeps, notes=notes, warnings=warnings + said)


def _with_columns(
    tables: Sequence[TableOfTexts], options: ReadingOptions
) -> tuple[list[_Chosen], list[str], _Samples]:
    """Choose the columns of each table; of several, one without a label is left out and named."""
    chosen: list[_Chosen] = []
    notes, samples, refused = [], _Samples(), list[BadData]()
    for table, part in tables:
        try:
            columns, said = choose_columns(table.head, options)
        except BadData as error:
            refused.append(error)
            samples.unusable.append(f"{table.path.name} ({error})")
            continue
        chosen.append(_Chosen(len(chosen), table, part, columns))
        notes += [*table.notes, said]
        if part is not None and columns.split is None:
            notes.append(f"{table.path.name}: the authors' {part} split, by its name")
    if not chosen:
        raise refused[0]
    return chosen, notes, samples


def _spooled(file: Path, chosen: Sequence[_Chosen], samples: _Samples, keeps: bool) -> Hashes:
    """Write the texts to `file`, fill the columns, and return the digests of all texts."""
    keys, contents, problems = bytearray(), bytearray(), list[tuple[int, str]]()
    many = sum(each.table.count for each in chosen) > _MANY
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, TEXT_SCHEMA) as writer:

        def jobs() -> Iterator[HashJob]:
            for each in chosen:
                for texts, lines in _batches(each, samples):
                    tables = [each.number] * len(texts)
                    writer.write_batch(pa.record_batch([texts, lines, tables], schema=TEXT_SCHEMA))
                    yield HashJob(texts, keeps)

        for hashes in each_batch(hash_texts, jobs(), processes=cores() if many else 1):
            first = len(keys) // DIGEST
            problems += [(first + number, problem) for number, problem in hashes.problems]
            keys += hashes.keys
            contents += hashes.contents
    return Hashes(keys, contents, problems)


def _batches(chosen: _Chosen, samples: _Samples) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the texts and places of the rows that have a text and a label, batch by batch."""
    texts, lines, table = list[str](), list[int](), chosen.table
    for place, row in table.rows():
        text = row if isinstance(row, str) else _row(row, chosen, samples)
        if isinstance(row, str) or isinstance(text, _Problem):
            samples.unusable.append(f"{table.path.name}, {table.place} {place} ({text})")
            continue
        texts.append(text)
        lines.append(place)
        if len(texts) == _BATCH:
            yield texts, lines
            texts, lines = [], []
    if texts:
        yield texts, lines


class _Problem(str):
    """Why a row holds no sample."""


def _row(row: Sequence[Any], chosen: _Chosen, samples: _Samples) -> str:
    """Add a row's label, group and part, and return its text; or a `_Problem`, and add nothing."""
    columns = chosen.columns
    text = row[columns.data]
    if isinstance(text, list | dict | bytes | bool):
        return _Problem("the text is no text")
    text = "" if text is None else str(text)
    if not text.strip():
        return _Problem("the text is missing")
    try:
        label = _label(row[columns.label], samples.known)
        text.encode()
    except NoLabel as error:
        return _Problem(str(error))
    except UnicodeEncodeError:
        return _Problem("the text holds half of a surrogate pair")
    part = chosen.part
    if columns.split is not None:
        value = row[columns.split]
        part = part_of(str(value or ""))
        if part is None:
            return _Problem(f"the split {str(value)[:40]!r} is none of train, validation, test")
    samples.labels.append(label)
    group = None if columns.group is None else row[columns.group]
    samples.groups.append("" if group is None else str(group).strip())
    samples.fixed.append(FIXED.index(part))
    return text


def _label(value: Any, known: dict[str, str]) -> str:
    """Return the label of a value, from `known` where it came before; raise `NoLabel`."""
    if not isinstance(value, str):
        return label_from(value)
    label = known.get(value)
    if label is None:
        label = label_from(value)
        if len(known) < _KNOWN:
            known[value] = label
    return label
