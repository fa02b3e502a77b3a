"""What is published in a folder of bundles, and whether it has changed."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.bundle import versions
from app.bundle.files import MANIFEST
from app.bundle.manifest import NAME

Fingerprint = tuple[tuple[str, int, int, int], ...]  # name, inode, size, time of every file
Published = dict[tuple[str, int], Fingerprint]


def published(root: Path, known: Mapping[tuple[str, int], Fingerprint]) -> Published:
    """Return every version in the folder; entries that vanish meanwhile are left out.

    A version whose manifest is that of `known` keeps its known fingerprint: manifests hold the
    digests of all other files, and looking at each of those every second would cost.
    """
    found: Published = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        for version, path in versions(folder).items():
            with suppress(OSError):
                before = known.get((folder.name, version), ())
                same = _mark(path, path / MANIFEST) in before
                found[folder.name, version] = before if same else _fingerprint(path)
    return found


def is_published(root: Path, name: str, version: int | None) -> bool:
    """Say whether the folder holds this; `name` may be anything that a client sent."""
    return bool(re.fullmatch(NAME, name)) and (root / name / str(version or "")).is_dir()


def _fingerprint(folder: Path) -> Fingerprint:
    """Return what changes when any file does: a bundle still being copied is tried again."""
    (folder / MANIFEST).stat()
    return tuple(_mark(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())


def _mark(folder: Path, path: Path) -> tuple[str, int, int, int]:
    status = path.stat()
    name = path.relative_to(folder).as_posix()
    return name, status.st_ino, status.st_size, status.st_mtime_ns
