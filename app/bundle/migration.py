"""Rewriting manifests in the current schema version: `thalamus migrate FOLDER`.

It replaces `manifest.json` only, in one step, and only if the new file is read as an equal
manifest. Migration is optional, because the service reads older versions too.
"""

from pathlib import Path

from app.bundle.files import MANIFEST, read_bundle
from app.bundle.manifest import Manifest
from app.bundle.publish import flush_folder, write_flushed
from app.bundle.registry import Registry
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
    aside = folder.parent / f".{folder.name}-{MANIFEST}"  # outside: no unnamed files
    try:
        write_flushed(aside, content)
        aside.chmod(target.stat().st_mode)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    flush_folder(folder)
    return True
