"""Rewriting manifests in the current schema version: `thalamus migrate FOLDER`.

It replaces `manifest.json` only, in one step, and only if the new file is read as an equal
manifest. Migration is optional, because the service reads older versions too.
"""

import shutil
import tempfile
from pathlib import Path

from app.bundle.files import MANIFEST, read_bundle
from app.bundle.manifest import Manifest
from app.bundle.registry import Registry
from app.disk import flush_folder, write_flushed, writing
from app.errors import InvalidBundle


def migrate(folder: Path, registry: Registry) -> bool:
    """Rewrite one bundle's manifest; return whether the file changed.

    Raises `InvalidBundle` if the bundle cannot be read, or if its new manifest would not be equal.
    """
    before = read_bundle(folder, registry).manifest
    content = (before.model_dump_json(indent=2) + "\n").encode()
    if Manifest.model_validate_json(content, context=registry) != before:
        raise InvalidBundle(f"{folder}: the rewritten manifest would not be the same; left alone")
    target = folder / MANIFEST
    if target.read_bytes() == content:
        return False
    if target.is_symlink():
        raise InvalidBundle(f"{folder}: {MANIFEST} is a link; migrate the folder that it leads to")
    with writing("the manifest", folder, "leave it; the service reads it as it is"):
        _replace(target, content)
    return True


def _replace(target: Path, content: bytes) -> None:
    folder = target.parent
    # Outside the bundle, which may hold no unnamed file, under a name that nobody can predict.
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write_flushed(aside / MANIFEST, content)
        (aside / MANIFEST).chmod(target.stat().st_mode)
        (aside / MANIFEST).replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    flush_folder(folder)
