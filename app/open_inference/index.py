"""Which models there are, and which of their versions answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.errors import NotReady, UnknownModel
from app.serving.catalog import Catalog, Entry, VersionState
from app.serving.why_not import published_instead, why_not

_STATES = {
    VersionState.READY: "READY",
    VersionState.LOADING: "LOADING",
    VersionState.DRAINING: "UNLOADING",
    VersionState.FAILED: "UNAVAILABLE",
    VersionState.UNLOADED: "UNAVAILABLE",
}
_UNLOADED = "unloaded: it is published, and another version serves"


def repository_index(entries: Iterable[Entry], *, ready_only: bool) -> list[dict[str, Any]]:
    """Return every published version with its state, and why it is not ready."""
    return [
        {
            "name": entry.name,
            "version": str(entry.version),
            "state": _STATES[entry.state],
            "reason": entry.reason or (_UNLOADED if entry.state is VersionState.UNLOADED else ""),
        }
        for entry in entries
        if entry.state is VersionState.READY or not ready_only
    ]


def ready_entries(catalog: Catalog, name: str, version: int | None) -> Sequence[Entry]:
    """Return the versions of a model that answer; of one version, that one.

    It does not wait for what is loading. Raises `UnknownModel`, and `NotReady` where none of them
    answers.
    """
    every = catalog.entries
    known = [each for each in every if each.name == name and version in (None, each.version)]
    if not known:
        raise UnknownModel(published_instead(every, name))
    ready = [each for each in known if each.state is VersionState.READY and each.model]
    if version is None and catalog.choice(name).version not in {each.version for each in ready}:
        ready = []
    if not ready:
        raise NotReady(f"{name} is {why_not(known)}; GET /v1/models/{name} says why")
    return ready
