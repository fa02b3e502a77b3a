"""The figures that Thalamus must reach, each a ratio within a round."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from benchmarks import machine
from benchmarks.comparison import Comparison
from benchmarks.forms import Form, raw
from benchmarks.limit import CORES, Limit, Setting
from benchmarks.load import Load, drive
from benchmarks.models import CACHE, workload
from benchmarks.openloop import drive_steadily
from benchmarks.rounds import interleave
from benchmarks.servers import ROOT, Server, Thalamus, start

FOUR = CACHE / "four"
OWN = "thalamus"
MANY = 1024  # clients
CROWDED = {
    "THALAMUS_MAX_REQUESTS": "2048",
    "THALAMUS_MAX_QUEUE": "2048",
    "THALAMUS_MAX_QUEUE_SECONDS": "60",
}
LOAD = 0.7  # of the closed-loop throughput, for the open loop


@dataclass(frozen=True)
class Goal:
    """One line of the table."""

    what: str
    wanted: str
    figure: str
    met: bool

    def __str__(self) -> str:
        return f"{'met    ' if self.met else 'NOT met'}  {self.what}: {self.figure} ({self.wanted})"


@dataclass(frozen=True)
class Bench:
    """What every scenario needs."""

    server: Server
    limit: Limit
    rounds: int
    seconds: float

    def ask(self, model: str, clients: int, form: Form = raw) -> Load:
        """Put load on Thalamus once."""
        work = workload(model)
        requests = self.server.kind.requests(self.server.port, work, form)
        return drive(requests, clients, work.lasting(self.seconds))

    def ratio(self, one: Callable[[], float], other: Callable[[], float]) -> float:
        """Return the median ratio of two figures in interleaved rounds."""
        found = interleave({"one": one, "other": other}, self.rounds)
        return median(r.figures["one"] / r.figures["other"] for r in found)


def at_least(what: str, value: float, goal: float, unit: str = "") -> Goal:
    """Return a goal with a lower bound."""
    return Goal(what, f"at least {goal:g}{unit}", f"{value:.3g}{unit}", value >= goal)


def at_most(what: str, value: float, goal: float, unit: str = "") -> Goal:
    """Return a goal with an upper bound."""
    return Goal(what, f"at most {goal:g}{unit}", f"{value:.3g}{unit}", value <= goal)


def against_peers(large: Comparison, small: Comparison) -> Iterator[Goal]:
    """The throughput relative to the limit and to the peers."""
    for clients in (8, 32, 64):
        share = large.share(OWN, clients)
        yield at_least(f"224², raw, {clients} clients, share of the limit", share, 0.97)
    yield at_least("small, raw, 32 clients, share of the limit", small.share(OWN, 32), 0.65)
    form = f"{OWN}, multipart"
    yield at_least("224², multipart, share of the limit", large.share(form, 32), 0.93)
    yield at_least("small, multipart, share of the limit", small.share(form, 32), 0.45)
    peers = [name for name in large.turns if not name.startswith(OWN)]
    for clients in (8, 32, 64) if peers else ():
        best = max(peers, key=lambda name: large.share(name, clients))
        value = large.over(OWN, best, clients)
        yield at_least(f"224², raw, {clients} clients, over the best peer ({best})", value, 1)
    if "mosec" in small.turns:
        yield at_least("small, raw, 32 clients, over mosec", small.over(OWN, "mosec", 32), 1.15)


def other_inputs(bench: Bench) -> Iterator[Goal]:
    """Texts of 10 to 400 tokens, and sounds of a second."""
    for model in ("text", "audio"):
        bench.limit.best(model)
        limit = partial(bench.limit.rate, model, bench.seconds)
        value = bench.ratio(partial(_rate, bench, model, 32), limit)
        yield at_least(f"{model}, 32 clients, share of the limit", value, 0.9)


def one_client(bench: Bench) -> Iterator[Goal]:
    """The latency of a lone client besides decoding and running."""

    def seconds(model: str) -> float:
        return 1 / bench.ask(model, 1).rate

    limit = partial(bench.limit.latency, "small", bench.seconds)
    rounds = interleave({"own": partial(seconds, "small"), "limit": limit}, bench.rounds)
    added = 1000 * median(r.figures["own"] - r.figures["limit"] for r in rounds)
    yield at_most("small, one client, over the in-process time", added, 0.15, " ms")
    limit = partial(bench.limit.latency, "large", bench.seconds)
    value = 100 * (bench.ratio(partial(seconds, "large"), limit) - 1)
    yield at_most("224², one client, over the in-process time", value, 3, " %")


def steady(bench: Bench) -> Iterator[Goal]:
    """The tail latency of evenly spaced requests at 70 % of the throughput with 32 clients."""
    for model, name in (("large", "224²"), ("small", "small")):
        asked = bench.server.kind.requests(bench.server.port, workload(model))
        spreads = []
        for _ in range(bench.rounds):
            rate = LOAD * bench.ask(model, 32).rate
            load = drive_steadily(asked, rate, 32, workload(model).lasting(2 * bench.seconds))
            spreads.append(load.p99 / load.p50)
        yield at_most(f"{name}, open loop at 70 %, p99 / p50", median(spreads), 2)


def crowd(bench: Bench) -> Iterator[Goal]:
    """1,024 clients instead of 8, for a service that admits so many requests."""
    server = start(Thalamus("thalamus-crowd", settings=CROWDED), workload("small"))
    bench = replace(bench, server=server)
    try:
        for model, name in (("large", "224²"), ("small", "small")):
            yield from _crowd(bench, model, name)
    finally:
        server.stop()


def _crowd(bench: Bench, model: str, name: str) -> Iterator[Goal]:
    """Measure long enough for three answers to each client of the large model."""
    process, ratios, errors = bench.server.process.pid, [], 0
    before = machine.memory(process)
    for _ in range(bench.rounds):
        few = bench.ask(model, 8)
        long = replace(bench, seconds=max(bench.seconds, MANY / few.rate))
        many = long.ask(model, MANY)
        bench.server.rest()
        ratios.append(many.rate / few.rate)
        errors += many.errors
    more = (machine.memory(process) - before) / 2**20
    bodies = MANY * sum(map(len, workload(model).payloads)) / len(workload(model).payloads) / 2**20
    yield at_least(f"{name}, {MANY:,} clients over 8, throughput", median(ratios), 0.95)
    yield at_most(f"{name}, {MANY:,} clients, errors and refusals", errors, 0)
    yield at_most(f"{name}, {MANY:,} clients, more memory", more, round(64 + 2 * bodies), " MB")


def large_photo(bench: Bench) -> Iterator[Goal]:
    """A 12-megapixel JPEG, relative to Pillow, which decodes all of it on both cores."""
    naive = Limit(draft=False)
    try:
        setting = Setting(CORES, 1, 1)
        value = bench.ratio(
            partial(_rate, bench, "photo", 8),
            lambda: naive.measure("photo", setting, bench.seconds),
        )
    finally:
        naive.close()
    yield at_least("12-megapixel JPEG, 8 clients, over the naive decode", value, 3, " ×")


def starting(bench: Bench) -> Iterator[Goal]:
    """Start-up time, memory and idle CPU time with four of the shipped models."""
    shutil.rmtree(FOUR, ignore_errors=True)
    for name in ("digits", "imagenet", "spam", "spoken-digits"):
        shutil.copytree(ROOT / "models" / name, FOUR / name)
    kind, times = Thalamus("thalamus-shipped", models=FOUR), []
    for last in (False,) * (bench.rounds - 1) + (True,):
        server = start(kind, workload("small"))
        times.append(server.ready_after)
        if not last:
            server.stop()
    try:
        yield at_most("start to ready with four models", median(times), 1.5, " s")
        pids = machine.tree(server.process.pid)
        used = machine.memory(server.process.pid) / 2**20
        size = sum(path.stat().st_size for path in FOUR.glob("*/*/model.onnx")) / 2**20
        bound = 1.3 * size + 60 * len(pids)
        what = f"memory with four models, {len(pids)} processes"
        yield at_most(what, used, round(bound), " MB")
        watch = machine.awake(server.process.pid)
        time.sleep(5)
        idle = (machine.awake(server.process.pid) - watch) / 5
        yield at_most("idle, share of a core", 100 * idle, 0.5, " %")
    finally:
        server.stop()


def _rate(bench: Bench, model: str, clients: int) -> float:
    return bench.ask(model, clients).rate


SCENARIOS: tuple[Callable[[Bench], Iterator[Goal]], ...] = (
    other_inputs,
    one_client,
    steady,
    crowd,
    large_photo,
    starting,
)
