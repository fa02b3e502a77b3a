"""Where the files of encoded samples lie, and when they are used again or removed.

Within `KeptEncoded`, which the checkpoints of a training open, they lie in a folder of their own
beside the checkpoints. Its name is a digest of what they were made of: the samples, the encoder and
the code. So a training that is resumed finds them, and no other data or encoder does. They are
removed when the run succeeds. Elsewhere they have no name: their space is free again when the
process ends, however it ends.

Every file is checked against a digest before it is used again. A folder appears in one step. Where
two processes make the same one, either is used.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from app.disk import writing, writing_temporary
from training.data.encoded import Column, ContentDigest, EncodedItems, MappedFile, whole_items
from training.data.encoded_writer import column
from training.data.sources import warn

_INDEX = "index.json"
_SHAPES = ".shapes"
_current: ContextVar["KeptEncoded | None"] = ContextVar("encoded", default=None)


@dataclass(frozen=True, slots=True)
class EncodedSplit:
    """EncodedSplit samples.

    kept: the places of those that could be read, int64. unreadable: the place and the reason of
    each other one.
    """

    items: EncodedItems
    kept: np.ndarray
    unreadable: tuple[tuple[int, str], ...] = ()


class KeptEncoded:
    """The folder in which encoded samples are kept while the context lasts.

    fresh: make anew what is there.
    """

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self._folder, self._fresh = folder, fresh
        self._used: list[Path] = []

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)

    def remove(self) -> None:
        """Remove what this context made or used, and what dead processes left half made."""
        for path in self._used:
            shutil.rmtree(path, ignore_errors=True)
            for aside in path.parent.glob(f"{path.name}.*.part"):
                if not _alive(aside.name.split(".")[-2]):
                    shutil.rmtree(aside, ignore_errors=True)

    def path(self, identity: str) -> Path:
        """Return the folder for what has this identity."""
        path = self._folder / f"encoded-{identity[:32]}"
        if path not in self._used:
            self._used.append(path)
            if self._fresh:
                shutil.rmtree(path, ignore_errors=True)
        return path


def kept_before(identity: str) -> EncodedSplit | None:
    """Return what an earlier process kept under this identity; None, with a warning, if damaged."""
    kept = _current.get()
    if kept is None:
        return None
    path = kept.path(identity)
    if not path.is_dir():
        return None
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        warn(f"{path} is damaged ({error}); the samples are encoded anew")
        shutil.rmtree(path, ignore_errors=True)
        return None


def may_be_kept() -> bool:
    """Return whether an earlier process may have kept something here."""
    kept = _current.get()
    return kept is not None and any(kept._folder.glob("encoded-*"))


class EncodedFolder:
    """A new folder for the files of one set of encoded samples; `seal` makes them last.

    identity: returns what they are kept under where `KeptEncoded` is in force; called once, if the
    folder is needed.
    """

    def __init__(self, identity: Callable[[], str]) -> None:
        self._kept, self._identity = _current.get(), identity
        self._part: Path | None = None
        self._final: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._part is not None:  # unless it was sealed; mapped files stay until the process ends
            shutil.rmtree(self._part, ignore_errors=True)

    def make(self) -> Path:
        """Make the folder."""
        if self._kept is None:
            self._part = Path(tempfile.mkdtemp(prefix="thalamus-encoded-"))
        else:
            final = self._final = self._kept.path(self._identity())
            # Other machines may write here too, and have a process of the same number.
            aside = f"{final.name}.{secrets.token_hex(8)}.{os.getpid()}.part"
            self._part = final.with_name(aside)
            self._part.mkdir(parents=True)
        return self._part

    @contextmanager
    def written(self) -> Iterator[None]:
        """Turn an error of the disk into one line that names the folder."""
        if self._kept is None:
            with writing_temporary("encoded samples"):
                yield
            return
        advice = "choose another folder with --checkpoints"
        with writing("encoded samples", self._kept._folder, advice):
            yield

    def seal(self, encoded: EncodedSplit) -> None:
        """Keep the files for a later process, if there are some and they have a name."""
        if self._part is None or self._final is None:
            return
        _write_index(self._part, encoded)
        with suppress(OSError):  # another process was faster, or removed the folder
            self._part.rename(self._final)
            self._part = None


def _write_index(folder: Path, encoded: EncodedSplit) -> None:
    columns = {}
    for name, found in encoded.items.columns.items():
        varying = found.shapes is not None
        columns[name] = {
            "dtype": found.values.dtype.str,
            "row": [] if varying else found.values.shape[1:],
            "axes": found.shapes.shape[1] if found.shapes is not None else None,
        }
        if found.shapes is not None:
            (folder / f"{name}{_SHAPES}").write_bytes(found.shapes.tobytes())
    (folder / "kept").write_bytes(encoded.kept.tobytes())
    index = {
        "digest": encoded.items.digest,
        "columns": columns,
        "samples": len(encoded.items),
        "unreadable": encoded.unreadable,
    }
    (folder / _INDEX).write_bytes(orjson.dumps(index))


def _read(folder: Path) -> EncodedSplit:
    index = orjson.loads((folder / _INDEX).read_bytes())
    digest, columns = ContentDigest(), {}
    for name, about in index["columns"].items():
        with (folder / f"{name}.values").open("rb") as file:
            mapped = MappedFile(file, np.dtype(about["dtype"]))
        shapes = []
        if about["axes"] is not None:
            flat = np.fromfile(folder / f"{name}{_SHAPES}", np.int64)
            shapes = [flat.reshape(-1, about["axes"])]
        columns[name] = column(mapped.values, tuple(about["row"]), shapes, mapped)
        _add(digest, name, columns[name])
    kept = np.fromfile(folder / "kept", np.int64)
    samples = index["samples"]
    if digest.value(samples) != index["digest"] or len(kept) != samples:
        raise ValueError("its digest is another one")
    unreadable = tuple((int(place), str(reason)) for place, reason in index["unreadable"])
    return EncodedSplit(whole_items(columns, samples, index["digest"]), kept, unreadable)


def _add(digest: ContentDigest, name: str, found: Column, step: int = 1 << 22) -> None:
    """Add a column to a digest, a few megabytes at a time."""
    flat = found.values
    rows = max(1, step // max(1, flat[:1].nbytes))
    for start in range(0, len(flat), rows):
        part = flat[start : start + rows]
        digest.add(name, part, None if found.shapes is None else np.empty((0, 1), np.int64))
        if found.file is not None:
            found.file.count(1, part.nbytes)
    if found.shapes is not None:
        digest.add(name, flat[:0], found.shapes)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
