"""Which versions a folder of bundles holds, and what else lies there.

The service, `thalamus verify` and the other commands all list a folder by these functions, so they
agree about what is a version: `<name>/<version>/manifest.json`, where the name is a model's and the
version a number of up to 18 digits without a leading zero, which has room for timestamps. Folders
and files may be links. `serving.json` in a model's folder is its rule, and no version; what starts
with a dot is ignored. Anything else is left where it lies, and
the listing says why it is not served; it never keeps a version from being listed.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from app.bundle.files import MANIFEST
from app.bundle.manifest import VERSION_DIGITS, wrong_name
from app.bundle.serving_rule import SERVING_FILE

VersionKey = tuple[str, int]  # the model's name and its version

_VERSION = re.compile(rf"[1-9][0-9]{{0,{VERSION_DIGITS - 1}}}")
_NO_MODEL = "not a model: expected a name of lower-case letters, digits and hyphens"
_NO_VERSION = f"not a version: expected a number of 1 to {VERSION_DIGITS} digits, not from 0"
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder of models holds.

    versions: the folder of every version, by model and number. beside: by its path within the
    folder, why something else is not served. unknown_models, unknown_versions: what is there but
    could not be looked into, so that nothing can be said about it.
    """

    versions: dict[VersionKey, Path] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    unknown_models: set[str] = field(default_factory=set)
    unknown_versions: set[VersionKey] = field(default_factory=set)


def versions(folder: Path) -> dict[int, Path]:
    """Return the version folders of one model's folder, lowest first, with a manifest or without.

    Raises `OSError` if the folder cannot be listed.
    """
    found = (folder / name for name in _names(folder) if _VERSION.fullmatch(name))
    return {int(path.name): path for path in sorted(found, key=_number) if _is_folder(path)}


def list_models(root: Path, names: Iterable[str] | None = None) -> Listing:
    """List a folder of models; raise `OSError` if it cannot be listed itself.

    names: look for these models only, which any client may have sent.
    """
    listing = Listing()
    for name in sorted(_names(root) if names is None else names):
        if not name.startswith("."):
            _add_model(listing, root, name)
    return listing


def _add_model(listing: Listing, root: Path, name: str) -> None:
    """Add what the folder `name` in `root` holds; whatever is wrong with it goes to `beside`."""
    if wrong_name(name):
        listing.beside[name] = _NO_MODEL
        return
    try:
        found = _names(root / name)
    except NotADirectoryError:
        listing.beside[name] = "not a folder"
        return
    except OSError as error:
        listing.beside[name] = f"cannot be looked into: {error.strerror}"
        listing.unknown_models.add(name)
        return
    if MANIFEST in found:
        listing.beside[name] = f"{MANIFEST} is not in a version's folder, such as {name}/1"
    for version in sorted(found):
        is_version = _VERSION.fullmatch(version) is not None
        ignored = version.startswith((".", SERVING_FILE))  # also one that is being written
        if is_version or not (ignored or MANIFEST in found):
            _add_version(listing, root / name / version, is_version)


def _add_version(listing: Listing, folder: Path, is_version: bool) -> None:
    name, version = folder.parent.name, folder.name
    shown = f"{name}/{version}"
    if not is_version:
        listing.beside[shown] = _NO_VERSION
        return
    try:
        (folder / MANIFEST).stat()
    except OSError as error:
        missing = error.errno in _NOT_THERE
        why = f"no {MANIFEST} in it" if missing else f"cannot be looked into: {error.strerror}"
        listing.beside[shown] = why
        listing.unknown_versions.add((name, int(version)))
    else:
        listing.versions[name, int(version)] = folder


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _number(path: Path) -> int:
    return int(path.name)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False
