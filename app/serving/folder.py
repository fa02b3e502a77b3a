"""The versions that a folder of bundles holds, and whether their files have changed."""

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
    """Return the fingerprint of every version in the folder, except any that is removed meanwhile.

    known: fingerprints of loaded versions. If the manifest file of such a version is unchanged, its
    other files are not examined, because that would cost time every second; the manifest holds
    their digests.
    """
    found: Published = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        for version, path in versions(folder).items():
            with suppress(OSError):
                before = known.get((folder.name, version), ())
                unchanged = _stat(path, path / MANIFEST) in before
                found[folder.name, version] = before if unchanged else _fingerprint(path)
    return found


def is_published(root: Path, name: str, version: int | None) -> bool:
    """Return whether the folder holds this version; None: any version.

    name: any text that a client sent.
    """
    return bool(re.fullmatch(NAME, name)) and (root / name / str(version or "")).is_dir()


def _fingerprint(folder: Path) -> Fingerprint:
    """Return a value that changes with any file, so that a half-copied bundle is tried again."""
    (folder / MANIFEST).stat()
    return tuple(_stat(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())


def _stat(folder: Path, path: Path) -> tuple[str, int, int, int]:
    status = path.stat()
    name = path.relative_to(folder).as_posix()
    return name, status.st_ino, status.st_size, status.st_mtime_ns
