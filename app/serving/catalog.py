"""The catalog: name and version → served model, kept equal to a folder of bundles.

`refresh()` compares the folder with the loaded models. A new bundle is read, hashed and loaded, and
must reproduce its golden cases before it answers requests. A model whose bundle was removed accepts
no new requests and is closed after its last answer. While a version loads, and if it fails, the
versions that are ready continue to answer. Threads do all slow work.

Several processes may serve the same folder and find a new bundle at different times. So a request
for an unknown model looks into the folder, and a request for a loading model waits up to `MOMENT`
seconds. Thus a client that has seen a ready model in the catalog of one process gets an answer from
any other process.
"""

import asyncio
import gc
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.errors import NotReady, ThalamusError, UnknownModel
from app.serving.folder import Fingerprint, is_published, published
from app.serving.loading import LoadOptions, load
from app.serving.model import ServedModel
from app.serving.selection import choose_by_media_type
from app.telemetry import event

MOMENT = 2.0


class VersionState(StrEnum):
    """The state of a published version."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    DRAINING = "draining"


@dataclass(slots=True)
class Entry:
    """One published version, its state, and its model if that is ready."""

    name: str
    version: int
    fingerprint: Fingerprint
    state: VersionState = VersionState.LOADING
    reason: str | None = None
    model: ServedModel | None = None
    load_finished: asyncio.Event = field(default_factory=asyncio.Event)


class Catalog:
    """The models of one folder."""

    def __init__(self, root: Path, options: LoadOptions, defaults: dict[str, str]) -> None:
        self._root = root
        self._options = options
        self._defaults = defaults
        self._entries: dict[tuple[str, int], Entry] = {}
        # The ready models by version; the newest of each name also under None.
        self._ready: dict[tuple[str, int | None], ServedModel] = {}
        self._refreshing = asyncio.Lock()
        self._initial_scan_done = False

    @property
    def ready(self) -> bool:
        """Whether the first scan is complete and at least one model is ready."""
        return self._initial_scan_done and bool(self._ready)

    @property
    def entries(self) -> list[Entry]:
        """Every known version, by name and then by version."""
        return [self._entries[key] for key in sorted(self._entries)]

    async def find(self, name: str, version: int | None = None) -> ServedModel:
        """Return a version, or the newest ready one; raise `UnknownModel` or `NotReady`."""
        if model := self._ready.get((name, version)):
            return model
        if not self._known(name, version) and is_published(self._root, name, version):
            await asyncio.wait({asyncio.ensure_future(self.refresh())}, timeout=MOMENT)
        entries = self._known(name, version)
        if not entries:
            raise UnknownModel(self._published_instead(name))
        with suppress(TimeoutError):
            await asyncio.wait_for(entries[-1].load_finished.wait(), MOMENT)
        if model := self._ready.get((name, version)):
            return model
        raise NotReady(f"{name} is {entries[-1].state}; GET /v1/models/{name} says why")

    def for_media_type(self, media_type: str) -> ServedModel:
        """Return the media type's default classifier; raise `UnsupportedMedia` or `NotReady`."""
        newest = [model for (_, version), model in self._ready.items() if version is None]
        return choose_by_media_type(newest, media_type, self._defaults)

    def _known(self, name: str, version: int | None) -> list[Entry]:
        return [e for e in self.entries if e.name == name and version in (None, e.version)]

    def _published_instead(self, name: str) -> str:
        """Return a sentence on what is published; it never repeats what the client sent."""
        own = [str(e.version) for e in self.entries if e.name == name]
        if own:
            return f"there is no such version of this model; published are: {', '.join(own)}"
        names = ", ".join(sorted({e.name for e in self.entries})) or "none"
        return f"there is no model of that name; published are: {names}"

    async def refresh(self) -> None:
        """Load new bundles and drain removed ones."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        ready = {
            key: e.fingerprint for key, e in self._entries.items() if e.state is VersionState.READY
        }
        found = await asyncio.to_thread(published, self._root, ready)
        gone = [key for key, e in self._entries.items() if found.get(key) != e.fingerprint]
        new = [key for key in found if key not in self._entries or key in gone]
        await asyncio.gather(*(self._drop(self._entries[key]) for key in gone))
        await asyncio.gather(*(self._load(*key, found[key]) for key in new))
        if new:  # exempt the loaded models from garbage collection, which would stop all requests
            gc.collect()
            gc.freeze()
            self._options.after_load()
        self._initial_scan_done = True

    async def close(self) -> None:
        """Drain every model; none was removed."""
        await asyncio.gather(*(self._drain(entry) for entry in self.entries))

    async def _load(self, name: str, version: int, fingerprint: Fingerprint) -> None:
        entry = Entry(name, version, fingerprint)
        self._entries[name, version] = entry
        folder = self._root / name / str(version)
        try:
            model = await asyncio.to_thread(load, folder, self._options)
        except ThalamusError as error:
            entry.state, entry.reason = VersionState.FAILED, str(error)
            event("model failed", logging.ERROR, model=name, version=version, reason=str(error))
        except Exception:
            entry.state, entry.reason = VersionState.FAILED, "an unexpected error; the log has it"
            logging.getLogger("thalamus").exception("model failed: %s/%s", name, version)
        else:
            entry.model, entry.state = model, VersionState.READY
            provider = model.pipeline.provider
            event("model ready", model=name, version=version, provider=provider)
        if entry.state is VersionState.FAILED:
            self._options.on_failure(name, version)
        self._index()
        entry.load_finished.set()

    def _index(self) -> None:
        """Update the index of ready models after an entry has changed its state."""
        ready = [e for e in self.entries if e.state is VersionState.READY and e.model]
        self._ready = {(e.name, e.version): e.model for e in ready if e.model}
        self._ready |= {(e.name, None): e.model for e in ready if e.model}  # newest last

    async def _drop(self, entry: Entry) -> None:
        await self._drain(entry)
        event("model removed", model=entry.name, version=entry.version)

    async def _drain(self, entry: Entry) -> None:
        entry.state = VersionState.DRAINING
        self._index()
        if entry.model is not None:
            await entry.model.close()
        if self._entries.get((entry.name, entry.version)) is entry:
            del self._entries[entry.name, entry.version]
