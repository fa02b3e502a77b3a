"""Reading a bundle: every file is read once and hashed, and the service uses those very bytes.

ONNX Runtime loads weights with a flipped bit without an error, and answers differently. So no file
is used before its sha256 has been compared with the manifest.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.bundle.golden import GoldenCase
from app.bundle.graph import Graph, graph_of
from app.bundle.manifest import Manifest
from app.bundle.registry import Registry
from app.bundle.upgrade import upgraded_json
from app.errors import InvalidBundle

MODEL = "model.onnx"
MANIFEST = "manifest.json"
CASES = "golden/cases.json"
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


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


def sha256(data: bytes) -> str:
    """Return the hexadecimal sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def versions(folder: Path) -> dict[int, Path]:
    """Return the published versions of one model's folder, lowest first."""
    found = (p for p in folder.iterdir() if _VERSION.fullmatch(p.name))
    return {int(p.name): p for p in sorted(found, key=lambda p: int(p.name)) if p.is_dir()}


def read_bundle(folder: Path, registry: Registry) -> Bundle:
    """Read `models/<name>/<version>`; raise `InvalidBundle` if anything is missing or altered."""
    manifest = _read_manifest(folder, registry)
    if (manifest.name, str(manifest.version)) != (folder.parent.name, folder.name):
        raise InvalidBundle(
            f"{_shown(folder)}: the manifest is of {manifest.name}/{manifest.version}, "
            "but the folder says otherwise"
        )
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    expected = set(manifest.files) | {MANIFEST}
    if present != expected:
        odd = sorted(present ^ expected)
        raise InvalidBundle(f"{_shown(folder)}: missing or unexpected files: {', '.join(odd[:5])}")
    files = {}
    for name, digest in manifest.files.items():
        files[name] = _read(folder / name)
        if sha256(files[name]) != digest:
            raise InvalidBundle(f"{_shown(folder)}: {name} was altered (its sha256 differs)")
    return assemble(manifest, files, registry)


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
        if f"golden/{case.file}" not in files:
            raise InvalidBundle(f"{manifest.name}: golden/{case.file} is missing")
        if what := case.contradiction(manifest):
            raise InvalidBundle(f"{manifest.name}: {what}")
    if not golden:
        raise InvalidBundle(f"{manifest.name}: a bundle needs at least one golden case")
    return Bundle(manifest, files, golden, registry)


@cache
def _cases(kind: type[GoldenCase]) -> TypeAdapter[tuple[GoldenCase, ...]]:
    return TypeAdapter(tuple[kind, ...])  # type: ignore[valid-type]


def _read_manifest(folder: Path, registry: Registry) -> Manifest:
    try:
        document = upgraded_json(_read(folder / MANIFEST))
        return Manifest.model_validate_json(document, context=registry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "top level"
        raise InvalidBundle(f"{_shown(folder)}: {MANIFEST}, {place}: {first['msg']}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidBundle(
            f"{_shown(path.parent)}: no readable {path.name} ({error.strerror})"
        ) from error


def _shown(folder: Path) -> str:
    """Return a bundle's name and version without its path, because clients read the errors."""
    return f"{folder.parent.name}/{folder.name}"
