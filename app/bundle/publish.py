"""Writing a bundle so that a reader sees all of it or nothing.

The files are written to a temporary folder on the same file system and flushed to the disk; then
the folder is renamed. A crash leaves at most a folder whose name starts with a dot, which readers
ignore.
"""

import errno
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from app.bundle.files import MANIFEST, Bundle, assemble, sha256
from app.bundle.listing import versions
from app.bundle.manifest import Manifest
from app.bundle.registry import Registry
from app.disk import flush_folder, write_flushed, writing
from app.errors import InvalidBundle


def next_version(root: Path, name: str) -> int:
    """Return the version number for the next bundle of `name` under `root`."""
    folder = root / name
    return max(versions(folder), default=0) + 1 if folder.is_dir() else 1


def seal(manifest: Manifest, files: Mapping[str, bytes], registry: Registry) -> Bundle:
    """Return the bundle of these files, whose manifest holds the sha256 of each."""
    digests = {name: sha256(data) for name, data in sorted(files.items())}
    return assemble(manifest.model_copy(update={"files": digests}), files, registry)


def publish(
    bundle: Bundle, root: Path, appearing: AbstractContextManager[None] | None = None
) -> Path:
    """Write `bundle` to `root/<name>/<version>`, and return that folder.

    appearing: the context within which the folder appears, after all of it was written aside; an
    error in it leaves nothing behind. Raises `InvalidBundle` if the version exists, and
    `NotWritten`, which leaves nothing behind, where the disk refuses.
    """
    manifest = bundle.manifest
    parent = root / manifest.name
    target = parent / str(manifest.version)
    taken = InvalidBundle(f"{target} exists already: a published version never changes")
    if target.exists():
        raise taken
    with writing_bundle(bundle, root):
        aside = write_aside(bundle, parent)
        try:
            with appearing or nullcontext():
                aside.rename(target)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            with suppress(OSError):  # other versions are in it
                parent.rmdir()
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise taken from error  # by another publisher, meanwhile
            raise
        flush_folder(parent)
    return target


def writing_bundle(bundle: Bundle, root: Path) -> AbstractContextManager[None]:
    """Return the context within which an `OSError` is `NotWritten`, of this bundle."""
    what = f"the bundle {bundle.manifest.name}/{bundle.manifest.version}"
    return writing(what, root, "choose another folder with --models; nothing was published")


def write_aside(bundle: Bundle, parent: Path) -> Path:
    """Write `bundle` to a new folder in `parent` that no reader looks at, flushed; return it."""
    manifest = bundle.manifest
    parent.mkdir(parents=True, exist_ok=True)
    aside = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{manifest.version}-", dir=parent))
        aside.chmod(0o755)
        for name, data in bundle.files.items():
            write_flushed(aside / name, data)
        write_flushed(aside / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
        for folder in {aside, *(path for path in aside.rglob("*") if path.is_dir())}:
            flush_folder(folder)
    except BaseException:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):  # other versions are in it
            parent.rmdir()
        raise
    return aside
