"""name/version → served model. The folder of bundles is the truth.

`refresh()` compares the folder with what is loaded: a new bundle is read, hashed,
loaded and must reproduce its golden cases before it answers; one that vanished takes no
new requests and is closed when its last one is answered. While a version loads, or if
it fails, the versions that were ready go on answering. All slow work is done in threads.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.bundle import Manifest, read_bundle, versions
from app.bundle.files import MANIFEST
from app.engine.session import Device
from app.errors import GoldenMismatch, NotReady, ThalamusError, UnknownModel, UnsupportedMedia
from app.pipeline import Pipeline, replay
from app.serving.model import Limits, ServedModel
from app.telemetry import event

Fingerprint = tuple[tuple[str, int, int, int], ...]  # name, inode, size, time of every file


class State(StrEnum):
    """Where a version is in its life."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    DRAINING = "draining"


@dataclass(slots=True)
class Entry:
    """One published version and what became of it."""

    name: str
    version: int
    fingerprint: Fingerprint
    state: State = State.LOADING
    reason: str | None = None
    model: ServedModel | None = None


@dataclass(frozen=True, slots=True)
class Loading:
    """How bundles are loaded: on which device, with how many threads, behind which queue."""

    device: Device = "auto"
    threads: int = 1
    limits: Limits = field(default_factory=Limits)


class Catalog:
    """The models of one folder."""

    def __init__(self, root: Path, loading: Loading, defaults: dict[str, str]) -> None:
        self._root = root
        self._loading = loading
        self._defaults = defaults
        self._entries: dict[tuple[str, int], Entry] = {}
        self._settled = False

    @property
    def ready(self) -> bool:
        """True once every bundle found at the start was tried and at least one answers."""
        return self._settled and any(e.state is State.READY for e in self._entries.values())

    @property
    def entries(self) -> list[Entry]:
        """Every known version, by name and then by version."""
        return [self._entries[key] for key in sorted(self._entries)]

    def find(self, name: str, version: int | None = None) -> ServedModel:
        """Return a version, or the highest ready one; raise `UnknownModel` or `NotReady`."""
        entries = [e for e in self.entries if e.name == name and version in (None, e.version)]
        if not entries:
            raise UnknownModel(self._published_instead(name))
        ready = [e.model for e in entries if e.state is State.READY and e.model]
        if not ready:
            raise NotReady(f"{name} is {entries[-1].state}; GET /v1/models/{name} says why")
        return ready[-1]

    def for_media_type(self, media_type: str) -> ServedModel:
        """Return the default model for a media type; raise `UnsupportedMedia` or `NotReady`."""
        models = [e.model for e in self.entries if e.state is State.READY and e.model]
        if not models:
            raise NotReady("no model is ready; GET /v1/models says why")
        fitting = [m for m in models if m.pipeline.encoder.accepts(media_type)]
        if not fitting:
            kinds = ", ".join(sorted({m.pipeline.encoder.media_types for m in models}))
            raise UnsupportedMedia(f"no model takes this media type; there are some for {kinds}")
        names = [m.manifest.name for m in fitting]
        preferred = (name for name in self._defaults.values() if name in names)
        return self.find(next(preferred, names[0]))

    def _published_instead(self, name: str) -> str:
        """Say what there is, never what was asked for: an answer holds nothing of its question."""
        own = [str(e.version) for e in self.entries if e.name == name]
        if own:
            return f"there is no such version of this model; published are: {', '.join(own)}"
        names = ", ".join(sorted({e.name for e in self.entries})) or "none"
        return f"there is no model of that name; published are: {names}"

    async def refresh(self) -> None:
        """Make what is loaded equal to what is published."""
        found = await asyncio.to_thread(_published, self._root)
        gone = [key for key, e in self._entries.items() if found.get(key) != e.fingerprint]
        new = [key for key in found if key not in self._entries or key in gone]
        await asyncio.gather(*(self._drop(self._entries[key]) for key in gone))
        await asyncio.gather(*(self._load(*key, found[key]) for key in new))
        self._settled = True

    async def watch(self, poll: float) -> None:
        """Refresh every `poll` seconds, for ever; a failing refresh is logged and retried."""
        while True:
            try:
                await self.refresh()
            except Exception:
                event("refresh failed", logging.ERROR, models=str(self._root))
                logging.getLogger("thalamus").exception("refresh failed")
            await asyncio.sleep(poll)

    async def close(self) -> None:
        """Drain every model."""
        await asyncio.gather(*(self._drop(entry) for entry in self.entries))

    async def _load(self, name: str, version: int, fingerprint: Fingerprint) -> None:
        entry = Entry(name, version, fingerprint)
        self._entries[name, version] = entry
        try:
            pipeline = await asyncio.to_thread(
                _load, self._root / name / str(version), self._loading
            )
        except ThalamusError as error:
            entry.state, entry.reason = State.FAILED, str(error)
            event("model failed", logging.ERROR, model=name, version=version, reason=str(error))
            return
        except Exception:
            entry.state, entry.reason = State.FAILED, "an unexpected error; the log has it"
            logging.getLogger("thalamus").exception("model failed: %s/%s", name, version)
            return
        entry.model = ServedModel(pipeline, self._loading.limits)
        entry.state = State.READY
        event("model ready", model=name, version=version, provider=pipeline.provider)

    async def _drop(self, entry: Entry) -> None:
        entry.state = State.DRAINING
        if entry.model is not None:
            await entry.model.close()
        if self._entries.get((entry.name, entry.version)) is entry:
            del self._entries[entry.name, entry.version]
        event("model removed", model=entry.name, version=entry.version)


def _load(folder: Path, loading: Loading) -> Pipeline:
    bundle = read_bundle(folder)
    pipeline = Pipeline(bundle, loading.device, loading.threads)
    differences = replay(bundle, pipeline)
    if differences:
        raise GoldenMismatch(
            f"{len(differences)} of the golden cases differ on {pipeline.provider}; "
            f"the first: {differences[0]}"
        )
    return pipeline


def _published(root: Path) -> dict[tuple[str, int], Fingerprint]:
    """Return what is in the folder; entries that vanish meanwhile are left out."""
    found = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        for version, path in versions(folder).items():
            with suppress(OSError):
                found[folder.name, version] = _fingerprint(path)
    return found


def _fingerprint(folder: Path) -> Fingerprint:
    """Return what changes when any file does: a bundle still being copied is tried again."""
    (folder / MANIFEST).stat()
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple(
        (path.relative_to(folder).as_posix(), status.st_ino, status.st_size, status.st_mtime_ns)
        for path, status in found
    )


def describe(manifest: Manifest) -> dict[str, object]:
    """Return the facts of a manifest that clients may want to know."""
    return {
        "description": manifest.description,
        "labels": list(manifest.labels),
        "encoder": manifest.encoder.model_dump(),
        "metrics": [m.model_dump() for m in manifest.metrics],
        "provenance": manifest.provenance.model_dump(),
        "licence": manifest.licence,
    }
