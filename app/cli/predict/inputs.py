"""Paths of the command line → the items to answer, as a stream in a fixed order.

A file is one item, a folder all files below it but hidden ones, sorted by name; a pattern what it
matches, sorted; `-` what standard input holds. Links to folders are not followed within a folder.
With a column named, every file is a table instead (`tables`), and its rows are the items. A file is
read when it is its turn, where it is answered, so that one that cannot be read is one bad item.
"""

import errno
import glob
import os
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
    beside: the output file, which is no input although it may lie in a folder that is.
    """
    output = None if beside is None else os.path.abspath(beside)  # noqa: PTH100
    for path, is_regular in _files(paths, output):
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


def _files(paths: Sequence[str], output: str | None) -> Iterator[tuple[str, bool]]:
    """Yield each file, and whether it is to be read like a regular one."""
    for path in paths:
        literal = path == STDIN or os.path.lexists(path)
        for found in [path] if literal else _matches(path):
            if found == STDIN or not Path(found).is_dir():
                yield found, _is_regular(found)
                continue
            for file in _below(found):
                if output is None or os.path.abspath(file) != output:  # noqa: PTH100
                    yield file, True


def _matches(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (it keeps what was given)


def _below(folder: str) -> Iterator[str]:
    """Yield the files below a folder, sorted; a folder that cannot be listed is yielded itself."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError:
        yield folder
        return
    for name, is_folder, is_link in found:
        path = f"{folder}{'' if folder.endswith(os.sep) else os.sep}{name}"
        if is_folder:
            yield from _below(path)
        elif not (is_link and Path(path).is_dir()):
            yield path


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
