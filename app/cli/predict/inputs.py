"""Paths of the command line → the items to answer, as a stream in a fixed order.

A file is one item, a folder all files below it but hidden ones, sorted by name; a pattern what it
matches, sorted; `-` what standard input holds. Links to folders are not followed within a folder,
nor by `**`, where two that lead upwards would have no end.
With a column named, every file is a table instead (`tables`), and its rows are the items. A file is
read when it is its turn, where it is answered, so that one that cannot be read is one bad item.
"""

import errno
import glob
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.cli.predict.tables import TableReading, read_rows
from app.errors import InvalidInput, OperatorError
from app.modalities import Payload
from app.modalities.payload import SNIFFED

STDIN = "-"
LARGEST = 2**28  # bytes of a file
_RECURSIVE = re.compile(rf"(?<![^{os.sep}])(?:\*\*(?:{os.sep}+|\Z))+")


@dataclass(frozen=True, slots=True)
class Input:
    """One item: its name in the output, and its content, or the path of the file that has it.

    row: the number within a table, from 1. text: whether it is a text, and not a file of any kind.
    problem: why there is no content.
    """

    name: str
    path: str | None = None
    data: bytes | None = None
    row: int | None = None
    text: bool = False
    charset: str | None = None
    problem: str | None = None

    def read(self) -> Payload:
        """Return the content; raise `InvalidInput` where there is none."""
        if self.problem is not None:
            raise InvalidInput(self.problem)
        data = self.data
        if data is None:
            assert self.path is not None
            data = _content(self.path)
        return Payload(data, "text/plain" if self.text else SNIFFED, self.charset)


def check_paths(paths: Sequence[str]) -> None:
    """Raise `OperatorError` for a path that names nothing, before anything is answered."""
    if paths.count(STDIN) > 1:
        raise OperatorError("- is standard input, which can be read once")
    for path in paths:
        if path == STDIN or os.path.lexists(path):
            continue
        if not glob.has_magic(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if not _matches(path):
            raise OperatorError(f"{path}: no file matches")


def find_inputs(
    paths: Sequence[str], charset: str | None, table: TableReading | None, beside: Path | None
) -> Iterator[Input]:
    """Yield the items of all paths.

    charset: of texts without a byte order mark. table: how the files are tables, if they are.
    beside: the output file, which is no input although a path or a pattern may lead to it.
    """
    for path, is_regular in _files(paths):
        if beside is not None and path != STDIN and _is_same(path, beside):
            continue
        if table is not None:
            yield from _rows(path, table)
        elif path == STDIN:
            yield _whole(STDIN, sys.stdin.buffer, charset)
        elif is_regular:
            yield Input(written(path), path, charset=charset)
        else:  # a pipe or a device, which only this process may be able to read
            yield _opened(path, charset)


def written(path: str) -> str:
    """Return a path as text, whatever its bytes are."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _files(paths: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield each file, and whether it is to be read like a regular one."""
    for path in paths:
        literal = path == STDIN or os.path.lexists(path)
        folders: set[str] = set()  # that the pattern matched, and whose files it may match too
        for found in [path] if literal else _matches(path):
            if folders and not folders.isdisjoint(_parents(found)):
                continue
            if found == STDIN or not Path(found).is_dir():
                yield found, _is_regular(found)
            else:
                folders.add(found.rstrip(os.sep))
                for file, is_folder in _below(found):
                    if not is_folder:
                        yield file, True


def _is_same(path: str, other: Path) -> bool:
    # Few names end alike, and to follow links takes long.
    return path.endswith(other.name) and os.path.realpath(path) == os.path.realpath(other)


def _parents(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:  # noqa: PTH120 (it keeps what was given)
        path = parent.rstrip(os.sep)
        yield path


def _matches(pattern: str) -> list[str]:
    """Return what a pattern matches, sorted."""
    recursive = _RECURSIVE.search(pattern)
    if recursive is None:
        return sorted(glob.glob(pattern))  # noqa: PTH207 (it keeps what was given)
    start, rest = pattern[: recursive.start()], pattern[recursive.end() :]
    found: set[str] = set()
    for top in glob.glob(start) if glob.has_magic(start) else [start]:  # noqa: PTH207
        if not Path(top).is_dir():
            continue
        if not rest:
            found.update(path for path, is_folder in _below(top) if not is_folder)
            continue
        found.update(_matches(glob.escape(top) + rest))
        for path, is_folder in _below(top):
            if is_folder:
                found.update(_matches(glob.escape(path + os.sep) + rest))
    return sorted(found)


def _below(top: str) -> Iterator[tuple[str, bool]]:
    """Yield what is below a folder, sorted, and whether it is a folder.

    Folders are yielded before what is in them; one that cannot be listed once more, as a file.
    """
    waiting = [(top, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if path != top:
            yield path, is_folder
        if not is_folder:
            continue
        try:
            found = _listed(path)
        except OSError:
            yield path, False
            continue
        waiting.extend(reversed(found))


def _listed(folder: str) -> list[tuple[str, bool]]:
    """Return what is in a folder, sorted, without hidden names and links to folders."""
    start = folder if not folder or folder.endswith(os.sep) else folder + os.sep
    with os.scandir(folder or os.curdir) as entries:
        found = sorted(
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in entries
            if not entry.name.startswith(".")
            and not (entry.is_symlink() and Path(entry.path).is_dir())
        )
    return [(start + name, is_folder) for name, is_folder in found]


def _is_regular(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return True  # reading it as a file says what is wrong
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _content(path: str) -> bytes:
    """Return what a regular file holds, with few system calls; raise `InvalidInput`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput("expected a regular file")
            if status.st_size > LARGEST:
                raise InvalidInput(f"expected at most {LARGEST} bytes, got {status.st_size}")
            return _rest(handle, status.st_size)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise InvalidInput(getattr(error, "strerror", None) or str(error)) from None


def _rest(handle: int, size: int) -> bytes:
    parts = [os.read(handle, size)]
    while parts[-1] and sum(map(len, parts)) < size:
        parts.append(os.read(handle, size))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _opened(path: str, charset: str | None) -> Input:
    try:
        with Path(path).open("rb") as file:
            return _whole(written(path), file, charset)
    except OSError as error:
        return Input(written(path), problem=error.strerror or str(error))


def _whole(name: str, file: BinaryIO, charset: str | None) -> Input:
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        return Input(name, problem=f"expected at most {LARGEST} bytes")
    return Input(name, data=data, charset=charset)


def _rows(path: str, table: TableReading) -> Iterator[Input]:
    name = written(path)
    try:
        with (
            sys.stdin.buffer if path == STDIN else Path(path).open("rb") as file,
            closing(read_rows(name, file, table)) as texts,
        ):
            for number, text in enumerate(texts, 1):
                if isinstance(text, InvalidInput):
                    yield Input(name, row=number, problem=str(text))
                else:
                    yield Input(name, data=text, row=number, text=True)
    except OSError as error:
        yield Input(name, row=1, problem=error.strerror or str(error))
