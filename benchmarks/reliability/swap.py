"""Models that come and go under load: nobody notices, and nothing of the old ones stays."""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.reliability.bundles import Versions, digit, edit_manifest, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, Reply, tally
from benchmarks.reliability.process import descriptors, resident, threads
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.service import Launch, Service, running, wait_until

_CLIENTS, _BEHAVIOUR = 4, ClientBehaviour(pause=0.01)
_WARM = 3  # swaps after which what every swap needs has been loaded once
_POLL = {"POLL": "0.1"}
_LOADED = '"model ready"'  # of the log
_PATIENCE = 30  # seconds for a version to be served by every worker


@dataclass(frozen=True)
class _Holding:
    """What the workers hold: MB of the largest, threads and descriptors of all."""

    memory: float
    threads: int
    descriptors: int

    @staticmethod
    def of(service: Service) -> "_Holding":
        """Return it once it has settled: the least within eight seconds of rest.

        The thread that watches batches ends five seconds after the last one.
        """
        samples = []
        for _ in range(16):
            time.sleep(0.5)
            workers = service.workers()
            samples.append(
                (max(map(resident, workers)), sum(map(threads, workers)), _open(workers))
            )
        memory, running, opened = (min(column) for column in zip(*samples, strict=True))
        return _Holding(memory, int(running), int(opened))


def _open(workers: list[int]) -> int:
    return sum(map(descriptors, workers))


class _Seen:
    """What the clients saw: the version of each one's last answer, and answers that are wrong."""

    def __init__(self) -> None:
        self.last = [0] * _CLIENTS
        self.mixed = 0

    def note(self, client: int, reply: Reply) -> None:
        """Look at a reply; an older version after a newer one is a mixture too."""
        if reply.status != 200:
            return
        version = json.loads(reply.body)["version"]
        self.mixed += Versions.is_mixed(reply.body) or version < self.last[client]
        self.last[client] = version


def _clients(service: Service, behaviour: ClientBehaviour = _BEHAVIOUR) -> Clients:
    return Clients(service.port, [digit()], _CLIENTS, behaviour)


def _versions(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Replace version n by n + 1 between two looks of the service, again and again."""
    count = scope.choose(100, 20)
    with tempfile.TemporaryDirectory() as folder:
        versions = Versions(Path(folder))
        with running(Launch(Path(folder), _POLL)) as service:
            seen, unseen = _Seen(), 0
            with _clients(service, replace(_BEHAVIOUR, note=seen.note)) as clients:
                for number in range(1, _WARM + count + 1):
                    if number == _WARM + 1:
                        before = _Holding.of(service)
                    versions.replace(number)
                    served = wait_until(lambda n=number: min(seen.last) > n, _PATIENCE)  # type: ignore[misc]
                    unseen += served == float("inf")
                    if unseen > 2:
                        break
                after = _Holding.of(service)
            outcomes = clients.outcomes()
    yield "failed", Figure(clients.failed(), f"answers: {tally(outcomes)}")
    yield "mixed", Figure(seen.mixed, f"of {outcomes['200']:,}")
    yield "unseen", Figure(unseen, f"of {count}")
    grown = f"{before.memory:.0f} → {after.memory:.0f} MB"
    yield "memory", Figure(after.memory - before.memory, f"{count} swaps, {grown}")
    yield "threads", Figure(after.threads - before.threads, f"{before.threads} → {after.threads}")
    opened = f"{before.descriptors} → {after.descriptors}"
    yield "descriptors", Figure(after.descriptors - before.descriptors, opened)


def _same(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Touch a manifest, and flip the link of a git checkout whose bytes are the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for revision in ("a", "b"):
            serve_copies(folder / revision, "digits")
        models = folder / "models"
        models.symlink_to("a")
        with running(Launch(models, _POLL)) as service, _clients(service) as clients:
            time.sleep(0.5)
            loaded = service.text().count(_LOADED)
            (models / "digits/1/manifest.json").touch()
            time.sleep(1.5)
            (folder / "next").symlink_to("b")
            (folder / "next").replace(models)
            time.sleep(2)
            reloads = service.text().count(_LOADED) - loaded
    yield "reloads", Figure(reloads)
    yield "failed", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")


def _broken(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Damage the files of a served version, and publish a successor that is damaged."""
    with tempfile.TemporaryDirectory() as name:
        versions = Versions(Path(name))
        with running(Launch(Path(name), _POLL)) as service, _clients(service) as clients:
            time.sleep(0.5)
            edit_manifest(
                Path(name, "digits/1"), lambda manifest: manifest.update(labels=["a", "b"])
            )
            time.sleep(1.5)
            versions.publish(2)
            Path(name, "digits/2/model.onnx").write_bytes(b"not a graph")
            time.sleep(1.5)
    yield "failed", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")


def _away(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Take the whole folder away for three seconds, as storage that hangs up does."""
    with tempfile.TemporaryDirectory() as name:
        models = serve_copies(Path(name, "models"), "digits")
        with running(Launch(models, _POLL)) as service, _clients(service) as clients:
            time.sleep(0.5)
            loaded = service.text().count(_LOADED)
            models.rename(Path(name, "away"))
            time.sleep(3)
            Path(name, "away").rename(models)
            time.sleep(2)
            reloads = service.text().count(_LOADED) - loaded
    yield "failed", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")
    yield "reloads", Figure(reloads)


_NOBODY = exactly(0, "requests")
EXPERIMENTS = (
    Experiment(
        "swap/versions",
        (
            Promise("failed", "requests that fail while versions replace each other", _NOBODY),
            Promise("mixed", "answers that mix two versions, or go back to an older", _NOBODY),
            Promise("unseen", "versions that some worker does not serve", exactly(0, "versions")),
            Promise("memory", "growth of a worker over all swaps", at_most(32, "MB")),
            Promise("threads", "threads that swaps leave behind", at_most(0, "threads")),
            Promise("descriptors", "descriptors that swaps leave behind", at_most(0)),
        ),
        _versions,
    ),
    Experiment(
        "swap/same-bytes",
        (
            Promise(
                "reloads",
                "reloads for a touched manifest and a flipped link to equal bytes",
                exactly(0, "reloads"),
            ),
            Promise("failed", "requests that fail meanwhile", _NOBODY),
        ),
        _same,
    ),
    Experiment(
        "swap/broken",
        (
            Promise(
                "failed",
                "requests that fail while a served version and its successor are damaged",
                _NOBODY,
            ),
        ),
        _broken,
    ),
    Experiment(
        "swap/storage-away",
        (
            Promise("failed", "requests that fail while storage is away for 3 s", _NOBODY),
            Promise("reloads", "reloads when it is back", exactly(0, "reloads")),
        ),
        _away,
    ),
)
