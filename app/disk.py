"""Writing to a disk that may be full, read-only, closed to the user or broken.

A file or a folder is whole or absent, and an error names what was written, where, and what to do.
`read_small` reads a file that anybody may have put there.
"""

import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from app.errors import NotWritten

_LOCK_SECONDS = 10.0
_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.EIO: "check the disk",
}


class UnexpectedFile(Exception):
    """A file is not what it should be; the text begins with `expected`."""


def read_small(path: Path, limit: int, flags: int = 0) -> bytes:
    """Return the bytes of a regular file; never wait for the other end of a pipe.

    flags: of `os.open`, besides. Raises `OSError`, and `UnexpectedFile` for anything else than a
    regular file and for one of more than `limit` bytes.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: opening a device may act on it
        raise UnexpectedFile("expected a regular file")
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):  # any more
            raise UnexpectedFile("expected a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnexpectedFile(f"expected at most {limit} bytes")
    return content


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


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file that is not for everybody, so that a reader sees all of it or the old one.

    A new file may be read by its owner only; a file that was there keeps its mode and its owner.
    Raises `OSError`, also for a link and for what is no file.
    """
    before = os.lstat(path) if os.path.lexists(path) else None
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    handle, aside = tempfile.mkstemp(".part", f".{path.name}.", path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            if before is not None:
                _keep_owner_and_mode(file.fileno(), before)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(aside).unlink()
        raise
    flush_folder(path.parent)


def _keep_owner_and_mode(handle: int, before: os.stat_result) -> None:
    status = os.fstat(handle)
    if (status.st_uid, status.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


@contextmanager
def locked_folder(folder: Path, what: str) -> Iterator[None]:
    """Keep every other command that would change `what` in this folder away meanwhile.

    The system unlocks it when this process ends. Raises `NotWritten` if somebody else holds the
    lock for `_LOCK_SECONDS`.
    """
    with writing(what, folder, "write it by another user"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    ends = time.monotonic() + _LOCK_SECONDS
    try:
        while not _lock(handle):
            if time.monotonic() > ends:
                raise NotWritten(f"{folder}: another command has been changing it; try again")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)  # which unlocks it


def _lock(handle: int) -> bool:
    import fcntl  # POSIX systems have it

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks: a change is still whole
        return error.errno in (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)
    return True


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
