"""A bundle's manifest, rewritten in the current schema version: `thalamus migrate FOLDER`.

Only `manifest.json` is rewritten, in one step, and only if the bundle that is then read equals the
one that was read before. Nothing has to be migrated: older versions are read as they are.
"""

from pathlib import Path

from app.bundle.files import MANIFEST, read_bundle
from app.bundle.manifest import Manifest
from app.bundle.publish import flush_folder, write_flushed
from app.bundle.registry import Registry
from app.errors import InvalidBundle


def migrate(folder: Path, registry: Registry) -> bool:
    """Rewrite one bundle's manifest; return whether a byte of it changed.

    Raises `InvalidBundle` if the bundle cannot be read, or would not be read as the same again.
    """
    before = read_bundle(folder, registry).manifest
    content = (before.model_dump_json(indent=2) + "\n").encode()
    if Manifest.model_validate_json(content, context=registry) != before:
        raise InvalidBundle(f"{folder}: the rewritten manifest would not be the same; left alone")
    target = folder / MANIFEST
    if target.read_bytes() == content:
        return False
    aside = folder.parent / f".{folder.name}-{MANIFEST}"  # no file that the bundle does not name
    try:
        write_flushed(aside, content)
        aside.chmod(target.stat().st_mode)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    flush_folder(folder)
    return True
