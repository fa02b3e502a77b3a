"""Where the payloads of a folder and of a table of texts lie; both are read when needed.

A store can be sent to another process, which opens the files itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from app.modalities import Payload
from training.data.dataset import Dataset, SampleTable
from training.errors import MissingData

_TEXT = "text/plain"
TEXT_SCHEMA = pa.schema([("text", pa.large_string()), ("line", pa.int64()), ("table", pa.int16())])
"""The columns of a file of texts: each text, its line, and which table it is from."""


@dataclass(frozen=True, slots=True)
class FileStore:
    """Files below `root`. media_type_of: an index into `media_types` for each, uint8 (files,)."""

    root: Path
    paths: pa.Array
    media_types: tuple[str, ...]
    media_type_of: np.ndarray

    def name(self, row: int) -> str:
        """Return the file's path below the root."""
        return str(self.paths[row].as_py())

    def media_type(self, row: int) -> str:
        """Return the media type, without reading the file."""
        return self.media_types[self.media_type_of[row]]

    def payload(self, row: int) -> Payload:
        """Read the file; raise `MissingData` where it is not there any more."""
        try:
            return Payload((self.root / self.name(row)).read_bytes(), self.media_type(row))
        except OSError as error:
            raise MissingData(f"{self.name(row)} cannot be read any more: {error}") from None


@dataclass(frozen=True, slots=True)
class TextStore:
    """Texts in an Arrow file, which is mapped into memory; see `TEXT_SCHEMA`.

    tables: how messages name the tables. place: what they count in each: lines or rows.
    """

    file: Path
    tables: tuple[str, ...]
    places: tuple[str, ...]

    def name(self, row: int) -> str:
        """Return the table and the line."""
        texts = _mapped(self.file)
        table = texts["table"][row].as_py()
        return f"{self.tables[table]}, {self.places[table]} {texts['line'][row].as_py()}"

    def media_type(self, row: int) -> str:
        """Return the media type of a text."""
        return _TEXT

    def payload(self, row: int) -> Payload:
        """Return the text; raise `MissingData` where the file is not there any more."""
        text = _mapped(self.file)["text"][row].as_py()
        return Payload(text.encode(), _TEXT, "utf-8")


@lru_cache(maxsize=8)
def _mapped(file: Path) -> pa.Table:
    try:
        with pa.memory_map(str(file)) as mapped:
            return pa.ipc.open_file(mapped).read_all()
    except OSError as error:
        raise MissingData(f"the texts cannot be read any more: {error}") from None


def own_dataset(
    name: str, table: SampleTable, used: np.ndarray, unreadable: Sequence[str]
) -> Dataset:
    """Return a person's own samples, those of `table` at the places `used`, int64."""
    samples = table if len(used) == len(table) else table.select(used)
    return Dataset(name, "the user's own data", "not stated", samples, unreadable)
