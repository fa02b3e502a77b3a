"""Which modality a file is of, and its digests, from one reading of the file.

The content decides, and the name where the content says nothing. `examine` runs in processes of its
own, so what it is given of a modality is a value that can be sent to them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.charset import charset_of_start
from training.data.fingerprints import TakeFingerprint
from training.data.reading.names import TABLES

_HEAD = 4096  # bytes
_TEXT = "text/plain"
_TABLES = {"text/csv", "text/tab-separated-values"}  # a table is no sample


class SampleKind(Protocol):
    """What is read here of a modality; see `training.modalities.modality.TrainingModality`."""

    @property
    def name(self) -> str:
        """The name of the modality."""

    @property
    def noun(self) -> str:
        """How messages name a sample."""

    @property
    def plural(self) -> str:
        """How messages name several."""

    @property
    def media_types(self) -> Mapping[str, str]:
        """The media types of its files, by suffix in lower case."""

    def recognise(self, head: bytes) -> str | None:
        """Return the media type of a file that begins so; None: its name decides."""

    @property
    def fingerprint(self) -> TakeFingerprint:
        """What the default encoder reads of a payload; a function of a module."""


class FileKind(NamedTuple):
    """A `SampleKind` that can be sent to another process."""

    name: str
    noun: str
    plural: str
    media_types: Mapping[str, str]
    recognise: "Recognise"
    fingerprint: TakeFingerprint


class Recognise(Protocol):
    """A function of a module: the first bytes of a file → its media type, or None."""

    def __call__(self, head: bytes, /) -> str | None:
        """Return the media type."""


class Examined(NamedTuple):
    """What one reading of a file gave. problem: why it holds no sample; then the rest is empty."""

    kind: str = ""
    media_type: str = ""
    key: bytes = b""
    content: bytes = b""
    outline: int | None = None
    problem: str = ""


class FileBatch(NamedTuple):
    """Files to examine: their paths below `root`."""

    root: Path
    paths: Sequence[str]
    kinds: Sequence[FileKind]
    keeps_case: bool


def file_kinds(kinds: Iterable[SampleKind]) -> tuple[FileKind, ...]:
    """Return the kinds whose files are read."""
    return tuple(_file_kind(kind) for kind in kinds if kind.media_types)


def _file_kind(kind: SampleKind) -> FileKind:
    types = dict(kind.media_types)
    return FileKind(kind.name, kind.noun, kind.plural, types, kind.recognise, kind.fingerprint)


def listed(kinds: Sequence[FileKind], last: str) -> str:
    """Return what files may hold, with `last` before the last noun."""
    *nouns, final = (kind.noun for kind in kinds)
    return f"{', '.join(nouns)} {last} {final}" if nouns else final


def examine(batch: FileBatch) -> list[Examined]:
    """Read each file once; return its kind and digests."""
    return [_examined(batch, path) for path in batch.paths]


def _examined(batch: FileBatch, path: str) -> Examined:
    try:
        with (batch.root / path).open("rb") as file:
            head = file.read(_HEAD)
            if not head:
                return Examined(problem="an empty file")
            found = kind_of(path, head, batch.kinds)
            if found is None:  # a film, say, which is not read: it may be larger than the memory
                return Examined(problem=f"neither {listed(batch.kinds, 'nor')}")
            file.seek(0)
            data = file.read()
    except OSError as error:
        return Examined(problem=error.strerror or str(error))
    kind, media_type = found
    try:
        fingerprint = kind.fingerprint(Payload(data, media_type), batch.keeps_case)
    except InvalidInput as error:
        return Examined(kind.name, media_type, problem=str(error))
    key, content = (hashlib.sha256(each).digest() for each in (fingerprint.key, data))
    return Examined(kind.name, media_type, key, content, fingerprint.outline)


def kind_of(path: str, head: bytes, kinds: Sequence[FileKind]) -> tuple[FileKind, str] | None:
    """Return the kind and the media type of a file; None for a file of no kind.

    A content that is recognised decides; then the suffix; then whether the content is a text.
    """
    suffix = Path(path).suffix.lower()
    for kind in kinds:
        if recognised := kind.recognise(head):
            return kind, kind.media_types.get(suffix, recognised)
    for kind in kinds:
        if suffix in kind.media_types and kind.media_types[suffix] not in _TABLES:
            return kind, kind.media_types[suffix]
    if suffix in TABLES:
        return None
    for kind in kinds:
        if _TEXT in kind.media_types.values() and _is_text(head):
            return kind, _TEXT
    return None


def _is_text(head: bytes) -> bool:
    """Return whether a file begins with text, in UTF-8 or with a byte order mark, without NUL."""
    charset = charset_of_start(head, None)
    if charset == "utf-8" and b"\0" in head:
        return False
    try:
        return "\0" not in head.decode(charset)
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == _HEAD  # a character is cut
