"""`python -m benchmarks soak`: a mixture of requests over all models for minutes, with swaps.

Between its parts the clients rest, so that samples of memory and descriptors compare like with
like. `leak` plants one, which the table must show.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.inputs import MODELS
from benchmarks.reliability.bundles import Versions, question, serve_copies
from benchmarks.reliability.client import ask, settle, tally
from benchmarks.reliability.mixture import Mixture
from benchmarks.reliability.process import descriptors, resident, threads
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.service import Launch, Service, running
from benchmarks.reliability.trend import growth, settled, slope

_CLIENTS = 8
_PARTS, _FEWEST = 40, 10  # the fewest of a short soak
_SHORT = 10  # seconds of a part, if that makes parts enough
_SWAPPED = b'model="digits"'  # each of its versions has series of its own
_REST = 2.5  # seconds; after one the service releases what it does not need
_PLANTED = ("benchmarks.reliability.planted", "leak")


@dataclass(frozen=True)
class _Sample:
    """What the workers hold after so many requests: KB of memory, and numbers."""

    requests: int
    memory: float
    descriptors: int
    threads: int
    series: int

    @staticmethod
    def of(service: Service, requests: int) -> "_Sample":
        workers = service.workers()
        scraped = ask(service.port, "GET", "/metrics").body.splitlines()
        return _Sample(
            requests,
            sum(map(resident, workers)) * 1024,
            sum(map(descriptors, workers)),
            sum(map(threads, workers)),
            sum(not line.startswith(b"#") and _SWAPPED not in line for line in scraped),
        )


def experiment(minutes: float, leak: bool = False) -> Experiment:
    """Return the soak of that length. leak: with a planted leak of 1 KB a request."""
    return Experiment("soak/mixed", _PROMISES, partial(_mixed, minutes, leak))


def _mixed(minutes: float, leak: bool, scope: Scope) -> Iterator[tuple[str, Figure]]:
    names = sorted(path.name for path in MODELS.iterdir())
    with tempfile.TemporaryDirectory() as name:
        models = serve_copies(Path(name), *(model for model in names if model != "digits"))
        versions = Versions(models)
        program = _PLANTED if leak else ("app.cli", "serve")
        with running(Launch(models, program=program)) as service:
            workers = service.workers()
            questions = [question(model) for model in names]
            settle(service.port, questions)
            mixture = Mixture(service.port, questions)
            samples = list(_parts(service, mixture, versions, minutes * 60))
            died = set(workers) - set(service.workers())
    yield from _figures(samples)
    outcomes = mixture.outcomes
    errors = {k: n for k, n in outcomes.items() if k[1].startswith("5") and k[1] != "503"}
    yield "errors", Figure(sum(errors.values()), f"of {mixture.sent:,}")
    good = {status: n for (kind, status), n in outcomes.items() if kind == "good"}
    lost = sum(n for status, n in good.items() if status not in ("200", "503"))
    yield "good", Figure(lost, f"answers: {tally(good)}")
    yield "died", Figure(len(died))


def _parts(
    service: Service, mixture: Mixture, versions: Versions, seconds: float
) -> Iterator[_Sample]:
    """Yield a sample after each part, in whose middle a version of `digits` is replaced."""
    count = min(_PARTS, max(_FEWEST, int(seconds / _SHORT)))
    busy = max(1.0, seconds / count - _REST) / 2
    for part in range(1, count + 1):
        asyncio.run(mixture.run(_CLIENTS, busy))
        versions.publish(part + 1)
        asyncio.run(mixture.run(_CLIENTS, busy))
        versions.remove(part)
        time.sleep(_REST)
        yield _Sample.of(service, mixture.sent)


def _figures(samples: list[_Sample]) -> Iterator[tuple[str, Figure]]:
    requests, memory = [s.requests for s in samples], [s.memory for s in samples]
    kept = settled(memory)
    ends = f"{kept[0] / 1024:.0f} → {kept[-1] / 1024:.0f} MB"
    span = settled(requests)[-1] - settled(requests)[0]
    yield "slope", Figure(slope(requests, memory), f"over {span:,} requests")
    yield "memory", Figure(growth(memory) / 1024, f"{ends}, both workers")
    for key in ("descriptors", "threads", "series"):
        row = [getattr(sample, key) for sample in samples]
        yield key, Figure(growth(row), f"{settled(row)[0]} → {row[-1]}")


_PROMISES = (
    Promise("slope", "memory that grows with requests", at_most(0.2, "KB/request")),
    Promise("memory", "growth of memory in the last 80 %", at_most(50, "MB")),
    Promise("descriptors", "growth of open descriptors", at_most(0)),
    Promise("threads", "growth of threads", at_most(0)),
    Promise("series", "growth of metric series, those of the swapped model apart", at_most(0)),
    Promise("errors", "answers of 500 and more, other than 503", exactly(0, "requests")),
    Promise("good", "good requests answered otherwise than 200 or 503", exactly(0, "requests")),
    Promise("died", "workers that died", exactly(0, "workers")),
)
