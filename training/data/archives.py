"""The files of a data set, in a folder or in a zip archive of it."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePath

from training.errors import MissingData


def files_of(source: Path, pattern: str, what: str) -> Iterator[tuple[PurePath, bytes]]:
    """Yield the path and the content of every file that matches, in the order of the paths.

    pattern: as `PurePath.match` takes it, of the last parts of a path: `recordings/*.wav`. Raises
    `MissingData`, which says that `source` is not `what`, where an archive cannot be read.
    """
    if source.is_dir():
        for path in sorted(source.rglob(PurePath(pattern).name)):
            if path.match(pattern):
                yield path, path.read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if PurePath(name).match(pattern):
                    yield PurePath(name), archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError):
        raise MissingData(f"{source} is not {what}") from None
