"""The catalog: name and version → served model, kept equal to a folder of bundles.

`refresh()` looks into the folder. A new version is tried in a process of its own, where there is
one for that, then read, hashed and loaded here, and must reproduce its golden cases before it
answers requests. Of each model a few versions are loaded, and one of them serves
(`app.serving.choice`). The order is load, switch, drain: what is replaced or removed answers until
its successor is ready (`app.serving.reload` has the rules), and its memory is freed after its last
answer. Threads do all slow work, and no version waits for the loading of another.

Several processes may serve the same folder and find a new bundle at different times. So a request
for an unknown model looks for it, and a request for a loading model waits up to `MOMENT` seconds.
Thus a client that has seen a ready model in the catalog of one process gets an answer from any
other process.
"""

import asyncio
import gc
import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.background import spawn
from app.bundle.listing import VersionKey
from app.errors import NotReady, UnknownModel
from app.serving.choice import Choice, Choices
from app.serving.daemon_thread import in_daemon_thread
from app.serving.defaults import Defaults, choose_by_media_type
from app.serving.folder import Look, ModelsFolder, Sighting
from app.serving.loading import LoadOptions, failure_of, load, prove
from app.serving.model import ServedModel
from app.serving.reload import Entry, VersionState, pause, to_drain
from app.serving.why_not import loaded_instead, published_instead, why_not
from app.telemetry import event

__all__ = ["MOMENT", "Catalog", "Entry", "VersionState"]

MOMENT = 2.0
_LOADS_AT_ONCE = 4
_LAST_LOADS = 5.0  # seconds that `close` waits for what is being loaded
_LOOKING = 0.03  # the most of a core that looking takes; a large folder is looked at less often


class Catalog:
    """The models of one folder."""

    def __init__(self, root: Path, options: LoadOptions, defaults: dict[str, str]) -> None:
        self._root = root
        self._folder = ModelsFolder(root)
        self._options = options
        accepts = {name: each.accepts for name, each in options.registry.modalities.items()}
        self._defaults = Defaults(defaults, accepts)
        self._entries: dict[VersionKey, Entry] = {}
        self._choices = Choices(options.workers.rules)
        # The ready models by version; the one of each name that serves also under None.
        self._ready: dict[tuple[str, int | None], ServedModel] = {}
        self._looking = asyncio.Lock()
        self._loading = asyncio.Semaphore(_LOADS_AT_ONCE)
        self._asked: set[str] = set()  # unknown names, for the next look
        self._next_look: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loads: set[asyncio.Task[Any]] = set()  # those of the tasks that load a version
        self._initial: list[asyncio.Task[None]] | None = None  # the loads of the first scan
        self._loaded = self._dropped = False
        self._look_seconds = 0.0
        self._applied: Look | None = None  # the latest one

    @property
    def ready(self) -> bool:
        """Whether the first scan is complete and at least one model serves."""
        serves = any(version is None for _, version in self._ready)
        return serves and all(task.done() for task in self._initial or [])

    @property
    def failed(self) -> int:
        """The number of versions that are published and could not be loaded."""
        return sum(entry.state is VersionState.FAILED for entry in self._entries.values())

    @property
    def entries(self) -> list[Entry]:
        """Every known version, by name and then by version."""
        return [self._entries[key] for key in sorted(self._entries)]

    def choice(self, name: str) -> Choice:
        """Return what serves of a model, and by which rule."""
        return self._choices[name]

    async def find(self, name: str, version: int | None = None) -> ServedModel:
        """Return a version, or the one that serves; raise `UnknownModel` or `NotReady`."""
        if model := self._ready.get((name, version)):
            return model
        if not self._known(name, version):
            await self._look_for(name)
        entries = self._known(name, version)
        if not entries:
            raise UnknownModel(published_instead(self.entries, name))
        awaited = next((e for e in reversed(entries) if e.is_loading), entries[-1])
        with suppress(TimeoutError):
            await asyncio.wait_for(awaited.load_finished.wait(), MOMENT)
        if model := self._ready.get((name, version)):
            return model
        if awaited.state is VersionState.UNLOADED and version is not None:
            raise UnknownModel(loaded_instead(self.entries, name))
        raise NotReady(f"{name} is {why_not(entries)}; GET /v1/models/{name} says why")

    def for_media_type(self, media_type: str) -> ServedModel:
        """Return the media type's default classifier; raise `UnsupportedMedia` or `NotReady`."""
        serving = {n: model for (n, version), model in self._ready.items() if version is None}
        names = {entry.name for entry in self._entries.values()} - serving.keys()
        waiting = {name: why_not(self._known(name, None)) for name in names}
        return choose_by_media_type(serving.values(), media_type, self._defaults, waiting)

    def _known(self, name: str, version: int | None) -> list[Entry]:
        return [e for e in self.entries if e.name == name and version in (None, e.version)]

    async def refresh(self) -> None:
        """Look into the folder; return when what it says is loaded and drained."""
        if (started := await self._look()) is not None:
            await self._finish(started)

    async def look(self) -> None:
        """Look into the folder, and start to load and to drain; do not wait for that.

        So a version that takes long to load keeps no other from being found. Returns after a rest,
        which makes looking take little of a core however large the folder is.
        """
        if (started := await self._look()) is not None:
            spawn(self._finish(started), self._tasks)
        await asyncio.sleep(self._look_seconds / _LOOKING)

    async def close(self) -> None:
        """Drain every model."""
        for task in self._tasks - self._loads:
            task.cancel()
        if self._loads:  # Python cannot end a thread that is in native code
            await asyncio.wait(self._loads, timeout=_LAST_LOADS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._drop(entry) for entry in self.entries))

    def prove(self, folder: Path, digest: str) -> None:
        """Load a version as this catalog would and drop it; raise `OperatorError` if it fails."""
        prove(folder, self._options, digest)

    async def _look(self) -> list[asyncio.Task[None]] | None:
        """Look into the whole folder; return the loads that it has started, see `_apply`."""
        async with self._looking:
            look, self._look_seconds = await in_daemon_thread(
                self._folder.timed_look, self._digests()
            )
            started = self._apply(look or Look())
            if look is not None and self._initial is None:
                self._initial = started
        return started

    async def _look_for(self, name: str) -> None:
        """Look for one model, once for all requests that ask meanwhile; wait for a moment."""
        self._asked.add(name)
        if self._next_look is None:
            self._next_look = spawn(self._look_for_asked(), self._tasks)
        await asyncio.wait({self._next_look}, timeout=MOMENT)

    async def _look_for_asked(self) -> None:
        async with self._looking:
            names, self._asked, self._next_look = self._asked, set(), None
            look = await in_daemon_thread(self._folder.look_for, names, self._digests())
            tasks = self._apply(look)
        if tasks is not None:
            spawn(self._finish(tasks), self._tasks)

    def _digests(self) -> Mapping[VersionKey, str | None]:
        return {key: entry.digest for key, entry in self._entries.items()}

    def _apply(self, look: Look) -> list[asyncio.Task[None]] | None:
        """Remember what a look found; start to load what is due. None: nothing is new or due."""
        now = asyncio.get_running_loop().time()
        if look == self._applied and not any(e.is_due_again(now) for e in self._entries.values()):
            return None
        self._applied = look
        for key in look.gone & self._entries.keys():
            self._entries[key].remove()
        for key, sighting in look.found.items():
            entry = self._entries.setdefault(key, Entry(*key))
            entry.removed, entry.seen = False, sighting
            if not entry.is_loading and entry.is_as_loaded(sighting):
                entry.forget_failures()
        self._choices.follow(look.rules, self.entries)
        self._index()
        started = self._start_due(now)
        self._index()
        return started

    def _start_due(self, now: float) -> list[asyncio.Task[None]]:
        started = []
        for entry in self._choices.due(self.entries, now):
            assert entry.seen is not None
            entry.start(entry.seen)
            started.append(spawn(self._load(entry, entry.seen), self._tasks))
        return started

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for these loads, drain what may go, and tidy the memory."""
        while tasks:
            await asyncio.gather(*tasks)
            # What is to be loaded in place of those that failed; none of these is tried again now.
            tasks = self._start_due(-math.inf)
        await self._drop_unneeded()
        if self._dropped:  # something among it may be in a cycle, and was frozen
            gc.unfreeze()
        if self._loaded or self._dropped:
            self._loaded = self._dropped = False
            gc.collect()
            gc.freeze()  # exempt the models from garbage collection, which would stop all requests
            self._options.after_load()

    async def _load(self, entry: Entry, sighting: Sighting) -> None:
        """Load what a look found; switch to it, and close what it replaces."""
        folder = self._root / entry.name / str(entry.version)
        replaced = None
        try:
            if sighting.digest is not None:
                await in_daemon_thread(self._options.workers.trial, folder, sighting.digest)
            async with self._loading:
                model = await self._load_now(folder, sighting.digest)
        except Exception as error:
            self._fail(entry, sighting, error)
        else:
            self._loaded = True
            replaced = entry.succeed(model, sighting.digest)
            provider = model.pipeline.provider
            event("model ready", model=entry.name, version=entry.version, provider=provider)
        finally:
            entry.is_loading = False
            self._index()
            entry.load_finished.set()
        if replaced is not None:
            await replaced.close()
            self._dropped = True
        await self._drop_unneeded()

    async def _load_now(self, folder: Path, digest: str | None) -> ServedModel:
        task = asyncio.current_task()
        assert task is not None
        self._loads.add(task)
        try:
            return await in_daemon_thread(self._options.load or load, folder, self._options, digest)
        finally:
            self._loads.discard(task)

    def _fail(self, entry: Entry, sighting: Sighting, error: Exception) -> None:
        reason, may_pass = failure_of(error, entry.name, entry.version)
        again = pause(entry.failures_of(sighting)) if may_pass else None
        now = asyncio.get_running_loop().time()
        entry.fail(sighting, reason, None if again is None else now + again)
        said = {"reason": reason} if again is None else {"reason": reason, "again_in": again}
        event("model failed", logging.ERROR, model=entry.name, version=entry.version, **said)
        self._options.on_failure(entry.name, entry.version)
        self._dropped = True

    def _index(self) -> None:
        """Update the index of ready models after an entry has changed its state."""
        ready = [e for e in self.entries if e.state is VersionState.READY and e.model]
        self._ready = {(e.name, e.version): e.model for e in ready if e.model}
        self._choices.choose(self.entries)
        serving = self._choices.serving.items()
        self._ready |= {
            (name, None): self._ready[name, version] for name, version in serving if version
        }

    async def _drop_unneeded(self) -> None:
        removed = to_drain(self.entries, self._choices.serving)
        unneeded = self._choices.unneeded(self.entries)
        dropping = [*map(self._drop, removed), *map(self._unload, unneeded)]
        await asyncio.gather(*dropping)
        for entry in removed:
            event("model removed", model=entry.name, version=entry.version)

    async def _unload(self, entry: Entry) -> None:
        """Drain one version and free its memory; it stays published."""
        await self._drain(entry)
        entry.state = VersionState.UNLOADED
        event("model unloaded", model=entry.name, version=entry.version)

    async def _drain(self, entry: Entry) -> None:
        entry.state = VersionState.DRAINING
        self._index()
        model, entry.model, entry.digest = entry.model, None, None
        if model is not None:
            await model.close()
            self._dropped = True
        self._applied = None  # it may have come back meanwhile

    async def _drop(self, entry: Entry) -> None:
        """Drain one version, free its memory and forget it."""
        await self._drain(entry)
        if self._entries.get((entry.name, entry.version)) is entry:
            del self._entries[entry.name, entry.version]
