"""`python -m app.bundle.migration FOLDER...`: rewrite manifests in the current schema version.

Each folder is one bundle, for example `models/digits/1`. Only `manifest.json` is rewritten, in
one step, and only if the bundle that is then read equals the one that was read before.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from app.bundle.files import MANIFEST, read_bundle
from app.bundle.manifest import Manifest
from app.bundle.publish import flush_folder, write_flushed
from app.errors import InvalidBundle, ThalamusError


def migrate(folder: Path) -> bool:
    """Rewrite one bundle's manifest; return whether a byte of it changed.

    Raises `InvalidBundle` if the bundle cannot be read, or would not be read as the same again.
    """
    before = read_bundle(folder).manifest
    content = (before.model_dump_json(indent=2) + "\n").encode()
    if Manifest.model_validate_json(content) != before:
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


def main(arguments: Sequence[str]) -> int:
    """Migrate each folder and return the exit status: 2 where one of them could not be."""
    status = 0
    for argument in arguments:
        try:
            done = "rewritten" if migrate(Path(argument)) else "is current already"
            print(f"{argument}: {done}")
        except (ThalamusError, OSError) as error:
            print(f"{argument}: {error}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
