"""A published bundle whose card is written anew, in one step; its answers stay as they are.

`docs/decisions/0029-cards-are-rewritten.md` says why this is no exception to the rule that a
published version never changes: what answers is equal, byte for byte, or nothing is written.
"""

import ctypes
import os
import re
import shutil
import sys
from pathlib import Path

from app.bundle.files import Bundle, read_bundle
from app.bundle.publish import write_aside, writing_bundle
from app.disk import flush_folder
from app.errors import InvalidBundle

_CARD_FILE = re.compile(r"README\.md|card\.json|[\w-]+\.(?:png|jpg)")
_DESCRIBING = {"description", "files"}  # fields of the manifest
_CURRENT_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux's renameat2


def is_card_file(name: str) -> bool:
    """Say whether a file of a bundle describes it: no answer depends on such a file."""
    return _CARD_FILE.fullmatch(name) is not None


def rewrite(bundle: Bundle, root: Path) -> Path:
    """Replace the card of a published version, and return its folder.

    bundle: the version as it shall be. Raises `InvalidBundle`, and writes nothing, unless it
    equals the published one but for the card's files and the description. A reader sees the
    whole of either.
    """
    manifest = bundle.manifest
    target = root / manifest.name / str(manifest.version)
    if difference := _difference(read_bundle(target, bundle.registry), bundle):
        raise InvalidBundle(f"{target}: {difference} would change; left alone")
    with writing_bundle(bundle, root):
        aside = write_aside(bundle, target.parent)
        try:
            exchange(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        flush_folder(target.parent)
    return target


def _difference(before: Bundle, after: Bundle) -> str | None:
    """Name what differs and is no part of the card."""
    for name in sorted({*before.files, *after.files}):
        if not is_card_file(name) and before.files.get(name) != after.files.get(name):
            return name
    old, new = (bundle.manifest.model_dump(exclude=_DESCRIBING) for bundle in (before, after))
    return next((f"the manifest's {field}" for field in old if old[field] != new[field]), None)


def exchange(one: Path, other: Path) -> None:
    """Exchange the names of two folders of one file system: in one step where the system can."""
    if _exchanged(one, other):
        return
    spare = one.with_name(f"{one.name}-old")
    other.rename(spare)
    try:
        one.rename(other)
    except BaseException:
        spare.rename(other)
        raise
    spare.rename(one)


def _exchanged(one: Path, other: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    if call is None:
        return False
    names = (os.fsencode(one), os.fsencode(other))
    done: int = call(_CURRENT_FOLDER, names[0], _CURRENT_FOLDER, names[1], _EXCHANGE)
    return done == 0
