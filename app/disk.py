"""Writing to a disk that may be full, read-only, closed to the user or broken.

A file or a folder is whole or absent, and an error names what was written, where, and what to do.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from app.errors import NotWritten

_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.EIO: "check the disk",
}


@contextmanager
def writing(what: str, folder: Path, otherwise: str) -> Iterator[None]:
    """Raise `NotWritten` for any `OSError` within: `what` was being written to `folder`.

    otherwise: what the user can do instead of mending the disk.
    """
    try:
        yield
    except OSError as error:
        advice = [_ADVICE[error.errno]] if error.errno in _ADVICE else []
        raise NotWritten(
            f"cannot write {what} to {folder}: {error.strerror or error}; "
            + ", or ".join([*advice, otherwise])
        ) from error


def writing_temporary(what: str) -> AbstractContextManager[None]:
    """Return `writing` for files that are needed for a while only."""
    return writing(what, Path(tempfile.gettempdir()), "name another folder with TMPDIR")


def refused_by_disk(error: Exception) -> bool:
    """Say whether a file could not be written; errors of a network have no such number."""
    return isinstance(error, OSError) and error.errno in _ADVICE


def write_flushed(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk; create its folders if there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it, or what was there before.

    Its folders are created if there are none. The bytes are written aside, under a name with the
    number of the process. A path that is a device or a pipe is written to directly.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()  # else a link would be replaced, not the file that it leads to
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write_flushed(aside, data)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
