"""Reading the files of a data set from a folder or from a zip archive."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePath

from training.errors import MissingData


def files_of(source: Path, pattern: str, what: str) -> Iterator[tuple[PurePath, bytes]]:
    """Yield the path and the content of each file that matches, in the order of the paths.

    pattern: for `PurePath.match`, on the last parts of a path: `recordings/*.wav`. what: describes
    the archive. Raises `MissingData`, which says that `source` is not `what`, where the archive
    cannot be read.
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
