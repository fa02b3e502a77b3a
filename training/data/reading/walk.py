"""A folder and everything in it, with links followed.

Hidden files, `Thumbs.db`, `desktop.ini` and `__MACOSX` are what systems leave behind: they are left
out without a word. A link that leads nowhere, a link to a folder that holds it, and what is neither
a file nor a folder are named. A real folder is visited a hundred times at most, so that links that
branch cannot make a tree without end.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import BadData

_LITTER = {"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"}
_VISITS = 100

Identity = tuple[int, int]  # the device and the inode of a folder


@dataclass(frozen=True, slots=True)
class WalkedFolder:
    """A folder: its path below the root ("" is the root), its folders, and its files' names."""

    path: str
    folders: tuple["WalkedFolder", ...]
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def below(self, name: str) -> str:
        """Return the path of a file of this folder."""
        return f"{self.path}/{name}" if self.path else name

    def all_files(self) -> Iterator[str]:
        """Yield the paths of the files here and below, sorted within each folder."""
        for name in self.files:
            yield self.below(name)
        for folder in self.folders:
            yield from folder.all_files()


@dataclass(slots=True)
class _Walk:
    root: Path
    unusable: list[str] = field(default_factory=list)
    visits: Counter[Identity] = field(default_factory=Counter)

    def folder(self, path: str, above: tuple[Identity, ...]) -> WalkedFolder:
        try:
            with os.scandir(self.root / path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not path:
                raise
            self.unusable.append(f"{path}/ ({error.strerror or error})")
            entries = []
        folders, files = [], []
        for entry in entries:
            if _is_litter(entry.name):
                continue
            below = f"{path}/{entry.name}" if path else entry.name
            kind = self._kind(entry, below, above)
            if kind == "file":
                files.append(entry.name)
            elif isinstance(kind, tuple):
                folders.append(self.folder(below, (*above, kind)))
        return WalkedFolder(path, tuple(folders), tuple(files))

    def _kind(
        self, entry: os.DirEntry[str], path: str, above: tuple[Identity, ...]
    ) -> Identity | str | None:
        """Return "file", or the identity of a folder to go into; None for what was named."""
        try:
            if entry.is_dir():
                return self._enter(entry, path, above)
            is_file = entry.is_file()
            if is_file:
                path.encode()
                return "file"
            self.unusable.append(
                f"{path} (a link that leads nowhere)"
                if entry.is_symlink()
                else f"{path} (neither a file nor a folder)"
            )
        except UnicodeEncodeError:
            self.unusable.append(f"{path!r} (its name is not UTF-8; rename it)")
        except OSError as error:
            self.unusable.append(f"{path} ({error.strerror or error})")
        return None

    def _enter(
        self, entry: os.DirEntry[str], path: str, above: tuple[Identity, ...]
    ) -> Identity | None:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise BadData(f"the folder name {entry.name!r} is not UTF-8; rename it") from None
        status = entry.stat()
        identity = (status.st_dev, status.st_ino)
        self.visits[identity] += 1
        if identity in above:
            self.unusable.append(f"{path}/ (a link to a folder that holds it; not followed)")
            return None
        if self.visits[identity] > _VISITS:
            self.unusable.append(f"{path}/ (linked more than {_VISITS} times; not followed)")
            return None
        return identity


def walk(root: Path) -> tuple[WalkedFolder, list[str]]:
    """Return the tree at `root`, and a line for each entry that is no file and no folder."""
    status = root.stat()
    started = _Walk(root)
    tree = started.folder("", ((status.st_dev, status.st_ino),))
    return tree, started.unusable


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _LITTER
