"""Reading a bundle: every file is read once and hashed, and the service uses those very bytes.

ONNX Runtime loads weights with a flipped bit without an error, and answers differently. So no file
is used before its sha256 has been compared with the manifest.

Only regular files are read, and none over the size of its kind: a FIFO, a device or a sparse file
in the place of one is refused and never blocks. Links are followed, also those that lead out of
the bundle, because volumes of Kubernetes and stores of data versions consist of them; the digests
say what the files must hold, wherever they lie. Names that start with a dot are ignored, as is
`lost+found`: file managers, editors, file systems and volumes leave them anywhere.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.bundle.golden import GoldenCase
from app.bundle.graph import Graph, graph_of
from app.bundle.manifest import Manifest
from app.bundle.registry import Registry
from app.bundle.upgrade import upgraded_json
from app.errors import InvalidBundle, UnreadableBundle

MODEL = "model.onnx"
MANIFEST = "manifest.json"
CASES = "golden/cases.json"
GOLDEN_FOLDER = "golden/"
_MAX_MANIFEST, _MAX_GOLDEN = 2**24, 2**28  # bytes
_MAX_GRAPH, _MAX_FILE = 2**31, 2**36  # bytes; a serialised graph has less, other weights may not
MOST_READ = 2**24  # bytes of a file that is read for one request
_MAX_FILES, _MAX_DEPTH = 10_000, 32  # of a bundle's folder, which may hold a link to itself
# What a file's absence or another thing in its place looks like; any other error may pass.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in memory, whose files agree with its manifest.

    registry: the tasks and modalities with which it was read.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    golden: tuple[GoldenCase, ...]
    registry: Registry

    @property
    def model(self) -> bytes:
        """The serialised ONNX graph."""
        return self.files[MODEL]

    @property
    def graph(self) -> Graph:
        """The graph with its external data; raises `InvalidBundle` where these are missing."""
        return graph_of(self.model, self.files)

    @property
    def example(self) -> tuple[bytes, GoldenCase]:
        """The first golden case, and its payload."""
        case = self.golden[0]
        return self.files[f"{GOLDEN_FOLDER}{case.file}"], case


def sha256(data: bytes) -> str:
    """Return the hexadecimal sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def is_ignored(name: str) -> bool:
    """Say whether a file or folder of this name is no part of a bundle, wherever it lies."""
    return name.startswith(".") or name == "lost+found"


def read_bundle(folder: Path, registry: Registry, digest: str | None = None) -> Bundle:
    """Read `models/<name>/<version>`; raise `InvalidBundle` if anything is missing or altered.

    digest: the sha256 of the manifest, where it is known. Raises `UnreadableBundle` if the
    manifest is another by now, or if a file cannot be read although it is there.
    """
    manifest = read_manifest(folder, registry, digest)
    present, expected = set(listed_files(folder)), {*manifest.files, MANIFEST}
    if present != expected:
        odd = sorted(present ^ expected)
        raise InvalidBundle(f"{_shown(folder)}: missing or unexpected files: {', '.join(odd[:5])}")
    files = {}
    for name, expected_digest in manifest.files.items():
        files[name] = _read(folder, name)
        if sha256(files[name]) != expected_digest:
            raise InvalidBundle(f"{_shown(folder)}: {name} was altered (its sha256 differs)")
    return assemble(manifest, files, registry)


def read_manifest(folder: Path, registry: Registry, digest: str | None = None) -> Manifest:
    """Read only the manifest of a version's folder; raise as `read_bundle` does."""
    content = _read(folder, MANIFEST)
    if digest not in (None, sha256(content)):
        raise UnreadableBundle(f"{_shown(folder)}: {MANIFEST} has changed meanwhile")
    manifest = _parse(folder, content, registry)
    if (manifest.name, str(manifest.version)) != (folder.parent.name, folder.name):
        raise InvalidBundle(
            f"{_shown(folder)}: the manifest is of {manifest.name}/{manifest.version}, "
            "but the folder says otherwise"
        )
    return manifest


def read_bundle_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return one file of a version that was read before; `manifest` lists it.

    Raises `InvalidBundle` if it is absent, altered, or more than `MOST_READ` bytes.
    """
    content = _read(folder, name, MOST_READ)
    if sha256(content) != manifest.files[name]:
        raise InvalidBundle(f"{_shown(folder)}: {name} was altered (its sha256 differs)")
    return content


def manifest_digest(folder: Path) -> str:
    """Return the sha256 of a version's manifest; it holds the digests of all other files.

    So it is the identity of the version's content. Raises `InvalidBundle`, as `read_bundle` does.
    """
    return sha256(_read(folder, MANIFEST))


def listed_files(folder: Path) -> Iterator[str]:
    """Yield the path within `folder` of everything in it but folders and what is ignored.

    Raises `UnreadableBundle` for a folder that cannot be listed, `InvalidBundle` for too many
    files or folders, such as those of a link to the folder itself.
    """
    folders, count = [""], 0
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(folder / inside) as entries:
                found = [(entry.name, _leads_to_folder(entry)) for entry in entries]
        except OSError as error:
            raise UnreadableBundle(f"{_shown(folder)}: {inside} ({error.strerror})") from error
        count += len(found)
        if count > _MAX_FILES or inside.count("/") > _MAX_DEPTH:
            raise InvalidBundle(f"{_shown(folder)}: too many files or folders; has it a circle?")
        for name, is_folder in found:
            if is_ignored(name):
                continue
            if is_folder:
                folders.append(f"{inside}{name}/")
            else:
                yield f"{inside}{name}"


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # reading it as a file says what is wrong
        return False


def assemble(manifest: Manifest, files: Mapping[str, bytes], registry: Registry) -> Bundle:
    """Return the bundle of a manifest and its files; raise `InvalidBundle` if they disagree."""
    try:
        registry.check(manifest)
    except ValueError as error:
        raise InvalidBundle(f"{manifest.name}: {error}") from error
    missing = {MODEL, CASES} - set(files)
    if missing:
        raise InvalidBundle(f"{manifest.name}: no {', '.join(sorted(missing))} in the bundle")
    try:
        golden = _cases(registry.tasks[manifest.task].golden).validate_json(files[CASES])
    except ValidationError as error:
        raise InvalidBundle(f"{manifest.name}: {CASES} is not readable: {error}") from error
    for case in golden:
        if f"{GOLDEN_FOLDER}{case.file}" not in files:
            raise InvalidBundle(f"{manifest.name}: {GOLDEN_FOLDER}{case.file} is missing")
        if what := case.contradiction(manifest):
            raise InvalidBundle(f"{manifest.name}: {what}")
    if not golden:
        raise InvalidBundle(f"{manifest.name}: a bundle needs at least one golden case")
    return Bundle(manifest, files, golden, registry)


@cache
def _cases(kind: type[GoldenCase]) -> TypeAdapter[tuple[GoldenCase, ...]]:
    return TypeAdapter(tuple[kind, ...])  # type: ignore[valid-type]


def _parse(folder: Path, content: bytes, registry: Registry) -> Manifest:
    try:
        return Manifest.model_validate_json(upgraded_json(content), context=registry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "top level"
        raise InvalidBundle(f"{_shown(folder)}: {MANIFEST}, {place}: {first['msg']}") from error


def _read(folder: Path, name: str, most: int = _MAX_FILE) -> bytes:
    limits = {MANIFEST: _MAX_MANIFEST, MODEL: _MAX_GRAPH}
    limit = limits.get(name, _MAX_GOLDEN if name.startswith(GOLDEN_FOLDER) else _MAX_FILE)
    limit = min(limit, most)
    try:
        return _read_regular(folder / name, limit)
    except InvalidBundle as error:
        raise InvalidBundle(f"{_shown(folder)}: no readable {name} ({error})") from None
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        absent = isinstance(error, ValueError) or error.errno in _ABSENT
        kind = InvalidBundle if absent else UnreadableBundle
        raise kind(f"{_shown(folder)}: no readable {name} ({reason})") from error


def _read_regular(path: Path, limit: int) -> bytes:
    """Return what a regular file holds; never wait for the other end of a FIFO."""
    if stat.S_ISREG(path.stat().st_mode):  # before it is opened: opening a device may act on it
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode):  # still
                if status.st_size > limit:
                    raise InvalidBundle(f"{status.st_size} bytes, the limit is {limit}")
                return file.read()
    raise InvalidBundle("not a regular file")


def _shown(folder: Path) -> str:
    """Return a bundle's name and version without its path, because clients read the errors."""
    return f"{folder.parent.name}/{folder.name}"
