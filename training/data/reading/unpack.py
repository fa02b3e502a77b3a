"""A zip or tar archive → a folder of its files, which is removed when the process ends.

An archive is a stranger's. What would be written outside the folder, a link that leads out of it,
and devices are left out and named. The bytes that it unpacks to are counted while they are written
and bounded, and so are its entries, whatever its headers say.
"""

import bz2
import errno
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from training.data.reading.names import is_compressed, is_table, names_archive
from training.data.reading.scratch import scratch_folder
from training.errors import BadData

_LIMIT = 200  # times the size of the archive that it may unpack to
_FREE = 100_000_000  # bytes that any archive may unpack to
_ENTRIES = 5_000_000
_KEPT = 0.9  # of the free disk, at most
_CHUNK = 1 << 20
_COMPRESSED: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # an encrypted zip
    NotImplementedError,
    UnicodeError,
    ValueError,
)


@dataclass(slots=True)
class _Unpacking:
    """An archive on its way to a folder. left: bytes that may still be written."""

    archive: Path
    root: Path
    left: int
    entries: int = 0
    unusable: list[str] = field(default_factory=list)

    def count(self) -> None:
        """Count an entry; raise `BadData` for too many."""
        self.entries += 1
        if self.entries > _ENTRIES:
            raise BadData(f"{self.archive}: more than {_ENTRIES:,} entries; unpack it yourself")

    def place(self, name: str) -> Path | None:
        """Return where an entry belongs; None, and a line, where that is outside the folder."""
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "."]
        if not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            self.unusable.append(f"{name} (it would be unpacked outside the folder)")
            return None
        return self.root.joinpath(*parts)

    def write(self, source: IO[bytes], target: Path) -> None:
        """Write an entry; raise `BadData` once the archive has unpacked to too much."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                self.left -= len(chunk)
                if self.left < 0:
                    raise BadData(
                        f"{self.archive} unpacks to more than {_LIMIT} times its size, or to more "
                        "than the disk holds; unpack it yourself if you trust it"
                    )
                file.write(chunk)


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive that is read here: by its name, else by its content."""
    if names_archive(path):
        return True
    if is_table(path) or is_compressed(path):
        return False
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def decompressed(path: Path) -> Path:
    """Return a compressed file's content as a file; raise `BadData` as `unpacked` does."""
    root = scratch_folder()
    work = _Unpacking(path, root, _allowed(path, root))
    try:
        with _COMPRESSED[path.suffix.lower()](path, "rb") as source:
            work.write(source, root / path.stem)
    except (*_DAMAGED, OSError) as error:
        raise BadData(f"{path} cannot be decompressed: {error}") from None
    return root / path.stem


def _allowed(archive: Path, root: Path) -> int:
    """Return the bytes that an archive may unpack to."""
    free = int(_KEPT * shutil.disk_usage(root).free)
    return min(max(_FREE, _LIMIT * archive.stat().st_size), free)


def unpacked(archive: Path) -> tuple[Path, list[str]]:
    """Return the folder of an archive's files, and a line for each entry that was left out.

    Raises `BadData` where the archive is damaged, encrypted or too large.
    """
    root = scratch_folder()
    work = _Unpacking(archive, root, _allowed(archive, root))
    try:
        if zipfile.is_zipfile(archive):
            _unzip(work)
        else:
            _untar(work)
    except _DAMAGED as error:
        raise BadData(f"{archive} is not a readable archive: {error}") from None
    except OSError as error:
        raise BadData(f"{archive} cannot be unpacked: {error}") from None
    return root, work.unusable


def _unzip(work: _Unpacking) -> None:
    with zipfile.ZipFile(work.archive) as packed:
        for entry in packed.infolist():
            work.count()
            if entry.is_dir():
                continue
            mode = entry.external_attr >> 16
            if mode & 0o170000 == 0o120000:
                work.unusable.append(f"{entry.filename} (a link in a zip archive; not followed)")
            elif (target := work.place(entry.filename)) is not None:
                with packed.open(entry) as source:
                    _written(work, entry.filename, source, target)


def _untar(work: _Unpacking) -> None:
    links: list[tuple[tarfile.TarInfo, Path]] = []
    with tarfile.open(work.archive) as packed:
        for entry in packed:
            work.count()
            if entry.isdir() or (target := work.place(entry.name)) is None:
                continue
            if entry.issym() or entry.islnk():
                links.append((entry, target))
            elif entry.isfile() and (source := packed.extractfile(entry)) is not None:
                _written(work, entry.name, source, target)
            else:
                work.unusable.append(f"{entry.name} (neither a file nor a folder)")
    _link_all(work, links)  # last, so that nothing is written through one


def _link_all(work: _Unpacking, links: list[tuple[tarfile.TarInfo, Path]]) -> None:
    """Make the links, those that lead to other links after these; name what leads nowhere."""
    while links:
        waiting = [link for link in links if not _link_or_name(work, *link)]
        if len(waiting) == len(links):
            work.unusable += [f"{entry.name} (a link that leads nowhere)" for entry, _ in waiting]
            return
        links = waiting


def _written(work: _Unpacking, name: str, source: IO[bytes], target: Path) -> None:
    """Write an entry; name one whose name the disk does not take."""
    try:
        work.write(source, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        work.unusable.append(f"{name} (a file and a folder have the same name)")
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        work.unusable.append(f"{name} (its name is too long for this disk)")


def _link_or_name(work: _Unpacking, entry: tarfile.TarInfo, target: Path) -> bool:
    """Do as `_link`; name a link that the disk does not take, as one below a file."""
    try:
        return _link(work, entry, target)
    except OSError as error:
        work.unusable.append(f"{entry.name} (a link that cannot be made: {error.strerror})")
        return True


def _link(work: _Unpacking, entry: tarfile.TarInfo, target: Path) -> bool:
    """Make a link that stays within the folder, or name it; return False if it leads nowhere."""
    base = target.parent if entry.issym() else work.root
    leads_to = Path(os.path.normpath(base / entry.linkname))
    root = os.path.realpath(work.root)
    within = leads_to.is_relative_to(work.root) and not entry.linkname.startswith("/")
    if not within or not Path(os.path.realpath(leads_to)).is_relative_to(root):
        work.unusable.append(f"{entry.name} (a link out of the archive; not followed)")
        return True
    if not leads_to.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(leads_to)
    return True
