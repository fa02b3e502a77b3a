"""What the service knows about its folder of bundles, and what it reports about it, once.

The identity of a version is its content: the sha256 of its manifest, which holds the digests of all
other files. A new inode or another time of the same bytes is no change.

An error while looking is no removal. A version is gone only when a folder that could be listed does
not show it. One more doubt remains: storage that was unmounted leaves an empty folder behind. So a
root that is suddenly without any version is believed when two looks in a row say so, and never
while it is another folder (another inode or device) than the one where the versions were.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.bundle.files import MANIFEST, listed_files, manifest_digest
from app.bundle.listing import Listing, VersionKey, list_models
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule
from app.errors import InvalidBundle, InvalidRule
from app.telemetry import event

Fingerprint = tuple[tuple[str, int, int, int, int], ...]  # of files: name, inode, size, two times

_LINES = 20  # of the log for what one look finds beside the models


@dataclass(frozen=True, slots=True)
class Sighting:
    """A version as one look found it.

    digest: its identity; None if its manifest cannot be read. files: changes with any of its files,
    so that a half-copied version is tried again; empty where the digest is that of a loaded one.
    written: when its manifest was, in seconds since 1970, which is no part of its identity.
    """

    digest: str | None
    files: Fingerprint = ()
    written: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class RuleReading:
    """What one look found in a model's `serving.json`: its rule, or why there is none.

    changed: when the file was written, in seconds since 1970; None without a file.
    """

    rule: ServingRule | None = None
    problem: str | None = None
    changed: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: the versions that are there, those that are gone for sure, the rules."""

    found: dict[VersionKey, Sighting] = field(default_factory=dict)
    gone: set[VersionKey] = field(default_factory=set)
    rules: dict[str, RuleReading] = field(default_factory=dict)


class ModelsFolder:
    """The folder at `root`. Not thread-safe: one look at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._beside: dict[str, str] = {}  # what the log has already said
        self._trouble: str | None = None  # with the root itself
        self._digests: dict[VersionKey, tuple[tuple[int, ...], str]] = {}  # by the manifest's state
        self._rules: dict[str, tuple[tuple[int, ...], RuleReading]] = {}  # by the file's state
        self._identity: tuple[int, int] | None = None  # of the root where there were versions
        self._empty_looks = 0

    def look(self, known: Mapping[VersionKey, str | None]) -> Look | None:
        """Look at everything; return None if nothing can be said, which the log reports once.

        known: the digest of every version that the caller has, None where it has not loaded it.
        """
        try:
            listing = list_models(self.root)
            status = self.root.stat()
        except OSError as error:
            self._say_nothing(f"cannot be listed: {error.strerror}")
            return None
        identity = (status.st_ino, status.st_dev)
        if known and _is_empty(listing) and not self._is_really_empty(identity):
            self._say_nothing("is suddenly empty")
            return None
        if listing.versions:
            self._identity, self._empty_looks = identity, 0
        if self._trouble:
            event("models folder is back", models=str(self.root))
        self._trouble = None
        self._digests = {key: it for key, it in self._digests.items() if key in listing.versions}
        found, rules = self._sightings(listing, known), self._readings(listing)
        self._rules = {name: it for name, it in self._rules.items() if name in rules}
        self._report(listing.beside)
        return Look(found, _gone(listing, known), rules)

    def timed_look(self, known: Mapping[VersionKey, str | None]) -> tuple[Look | None, float]:
        """Look, and return how much processor time that took: not how long it waited for others."""
        start = time.thread_time()
        return self.look(known), time.thread_time() - start

    def look_for(self, names: Iterable[str], known: Mapping[VersionKey, str | None]) -> Look:
        """Look at these models only, which clients have named; it finds nothing to be gone."""
        listing = list_models(self.root, names)
        return Look(self._sightings(listing, known), rules=self._readings(listing))

    def _is_really_empty(self, identity: tuple[int, int]) -> bool:
        self._empty_looks += 1
        return self._identity in (None, identity) and self._empty_looks > 1

    def _say_nothing(self, trouble: str) -> None:
        if trouble != self._trouble:
            event("models folder", logging.ERROR, models=str(self.root), reason=trouble)
        self._trouble = trouble

    def _report(self, beside: dict[str, str]) -> None:
        """Log what lies beside the versions, each time it is new."""
        new = [path for path, reason in beside.items() if self._beside.get(path) != reason]
        for path in new[:_LINES]:
            event("not served", logging.WARNING, path=path, reason=beside[path])
        if len(new) > _LINES:
            rest = f"{len(new) - _LINES} others"
            event("not served", logging.WARNING, path=rest, reason="there are so many")
        self._beside = beside

    def _sightings(
        self, listing: Listing, known: Mapping[VersionKey, str | None]
    ) -> dict[VersionKey, Sighting]:
        found = {}
        for key, path in listing.versions.items():
            try:
                digest = self._digest(key, path)
            except (OSError, InvalidBundle) as error:
                digest = None
                listing.beside["{}/{}".format(*key)] = str(error)
            loaded = digest is not None and known.get(key) == digest
            written = self._digests[key][0][2] / 1e9 if digest is not None else 0.0
            found[key] = Sighting(digest, () if loaded else _fingerprint(path), written)
        return found

    def _readings(self, listing: Listing) -> dict[str, RuleReading]:
        names = {name for name, _ in listing.versions}
        return {name: self._reading(self.root / name) for name in names}

    def _reading(self, folder: Path) -> RuleReading:
        """Return the rule of a model; read its file only if its state has changed."""
        try:
            state = _state(folder / SERVING_FILE)
        except FileNotFoundError:  # or a link that leads nowhere
            return _read_rule(folder, None)
        except OSError as error:
            return RuleReading(problem=f"{SERVING_FILE} cannot be read ({error.strerror})")
        before = self._rules.get(folder.name)
        if before is None or before[0] != state:
            reading = _read_rule(folder, state[2] / 1e9)
            self._rules[folder.name] = before = (state, reading)
        return before[1]

    def _digest(self, key: VersionKey, path: Path) -> str:
        """Return the identity of a version; read the manifest only if its state has changed."""
        state = _state(path / MANIFEST)
        before = self._digests.get(key)
        if before is None or before[0] != state:
            self._digests[key] = before = (state, manifest_digest(path))
        return before[1]


def _read_rule(folder: Path, changed: float | None) -> RuleReading:
    try:
        return RuleReading(read_rule(folder), changed=changed)
    except InvalidRule as error:
        return RuleReading(problem=str(error), changed=changed)


def _is_empty(listing: Listing) -> bool:
    return not (listing.versions or listing.unknown_models or listing.unknown_versions)


def _gone(listing: Listing, known: Iterable[VersionKey]) -> set[VersionKey]:
    """Return which of the known versions a listing shows to be gone."""
    there = listing.versions.keys() | listing.unknown_versions
    return {key for key in known if key not in there and key[0] not in listing.unknown_models}


def _fingerprint(folder: Path) -> Fingerprint:
    try:
        return tuple((name, *_state(folder / name)) for name in sorted(listed_files(folder)))
    except (OSError, InvalidBundle):  # changing at this moment, or not readable: so is loading it
        return ()


def _state(path: Path) -> tuple[int, int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
