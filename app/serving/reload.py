"""What is to be loaded and what is to be drained, from what is there and what one look found.

- A version is loaded when its content is new. One that failed is tried again when a file of it
  changes; after an error that may pass also without a change, after 1, 2, 4 … `LONGEST_PAUSE`
  seconds.
- A loaded version whose content was replaced goes on answering until the new content is ready, and
  if that fails.
- A version that was removed is drained, but the one that serves only when another one does in its
  place or when nothing of the model is published any more.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from app.serving.folder import Sighting
from app.serving.model import ServedModel

LONGEST_PAUSE = 300.0


class VersionState(StrEnum):
    """The state of a published version."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    DRAINING = "draining"
    UNLOADED = "unloaded"


@dataclass(slots=True)
class Entry:
    """One published version, its state, and its model if that is ready.

    reason: why it failed; of a ready version, why its newer content does not answer. digest: of the
    content that is loaded. seen: what the latest look found. failed: what was there when the latest
    try failed; retry_at: when it is tried again without a change, in seconds on the loop's clock.
    """

    name: str
    version: int
    state: VersionState = VersionState.LOADING
    reason: str | None = None
    model: ServedModel | None = None
    digest: str | None = None
    seen: Sighting | None = None
    load_finished: asyncio.Event = field(default_factory=asyncio.Event)
    is_loading: bool = False
    removed: bool = False
    failed: Sighting | None = None
    failures: int = 0
    retry_at: float | None = None

    @property
    def may_be_unloaded(self) -> bool:
        """Whether it is published, loaded and at rest."""
        ready = self.state is VersionState.READY and self.model is not None
        return ready and not self.removed and not self.is_loading

    def remove(self) -> None:
        """Remember that it is not published any more."""
        self.removed = True
        if self.state is VersionState.READY:
            self.reason = "removed, but it answers until another version of it is ready"

    def leave_unloaded(self) -> None:
        """Say of a version that waits to be loaded that it need not be."""
        if self.state is VersionState.LOADING and not self.is_loading:
            self.state = VersionState.UNLOADED
            self.load_finished.set()

    def is_due(self, sighting: Sighting, now: float) -> bool:
        """Say whether this content shall be loaded now."""
        if self.is_loading or self.state is VersionState.DRAINING:
            return False
        if self.model is not None and sighting.digest in (None, self.digest):
            return False  # it is loaded, or nothing can be said about it
        return self.failed != sighting or self.is_due_again(now)

    def is_due_again(self, now: float) -> bool:
        """Say whether what failed shall be tried again although nothing has changed."""
        return self.retry_at is not None and self.retry_at <= now

    def is_as_loaded(self, sighting: Sighting) -> bool:
        """Say whether the content is the one that answers."""
        return self.model is not None and sighting.digest == self.digest

    def start(self, sighting: Sighting) -> None:
        """Start to load; what answers goes on answering, what failed stays so until it succeeds."""
        self.is_loading = True
        if self.model is None and not self.failures_of(sighting):
            self.state = VersionState.LOADING
            self.load_finished.clear()

    def succeed(self, model: ServedModel, digest: str | None) -> ServedModel | None:
        """Answer by this model; return the one that it replaces."""
        replaced, self.model, self.digest = self.model, model, digest
        self.state = VersionState.READY
        self.forget_failures()
        return replaced

    def fail(self, sighting: Sighting, reason: str, retry_at: float | None) -> None:
        """Remember a failure; what answers goes on answering."""
        self.failures = self.failures_of(sighting) + 1
        self.failed, self.retry_at = sighting, retry_at
        self.reason = reason
        if self.model is None:
            self.state = VersionState.FAILED
        else:
            self.reason = f"the new content does not answer, the one before does: {reason}"

    def failures_of(self, sighting: Sighting) -> int:
        """Return how many tries of this very content have failed."""
        return self.failures if self.failed == sighting else 0

    def forget_failures(self) -> None:
        """Forget why an earlier content failed."""
        self.reason, self.failed, self.failures, self.retry_at = None, None, 0, None


def by_model(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return the entries of each model; they are sorted by name."""
    return [(name, list(group)) for name, group in groupby(entries, key=lambda e: e.name)]


def pause(failures: int) -> float:
    """Return the seconds after which a load that failed so many times before is tried again."""
    return min(LONGEST_PAUSE, 2.0 ** min(failures, 30))


def to_drain(entries: Iterable[Entry], serving: Mapping[str, int | None]) -> list[Entry]:
    """Return the removed versions that may go now. serving: the version of each model that does."""
    every = list(entries)
    published = {entry.name for entry in every if not entry.removed}
    return [
        entry
        for entry in every
        if entry.removed
        and not entry.is_loading
        and entry.state is not VersionState.DRAINING
        and (entry.version != serving.get(entry.name) or entry.name not in published)
    ]
