"""Ten times the load that the service can answer; one model saturated beside another."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import machine
from benchmarks.reliability.bundles import digit, question, repeated, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, Wire, percentile, settle, tally
from benchmarks.reliability.generator import Generator, Timed, latencies, rate_of, recovery
from benchmarks.reliability.promise import (
    Experiment,
    Figure,
    Promise,
    Scope,
    at_least,
    at_most,
    exactly,
)
from benchmarks.reliability.service import Launch, Service, running

_TIMES = 10  # the capacity, in the open loop
_PICTURES = 8  # in a request: to refuse one costs much less than to answer it, as in production
_USUAL, _AFTER = 0.7, 0.5  # shares of the capacity
_CLOSED = 8  # clients that measure the capacity
_CLIENTS = 32  # that saturate a model
_CONNECTIONS = 200  # of the clients in the open loop: more than wait at once


@dataclass(frozen=True)
class _Run:
    """One overload. Latencies in seconds; `generator`, `service`: processor seconds."""

    capacity: float
    goodput: float
    usual: float
    answered: float
    refused: float
    vague: int  # refusals without Retry-After
    recovery: float
    generator: float
    service: float
    outcomes: Counter[str]


async def _overload(service: Service, seconds: float) -> _Run:
    generator = Generator(service.port, repeated(question("imagenet"), _PICTURES).wire())
    await generator.connect(_CONNECTIONS)
    await generator.closed(_CLOSED, seconds / 3)  # the service learns how fast it is
    started = time.perf_counter()
    closed = await generator.closed(_CLOSED, seconds)
    capacity = rate_of(closed, started, started + seconds)
    usual = await generator.steady(_USUAL * capacity, seconds)
    p99 = percentile(latencies(usual, 200), 0.99)
    started, busy = time.perf_counter(), time.process_time()
    used = machine.cpu(service.pid)
    found, pending = await generator.start(_TIMES * capacity, seconds)
    ended, busy = time.perf_counter(), time.process_time() - busy
    used = machine.cpu(service.pid) - used
    after = await generator.steady(_AFTER * capacity, 6)
    await asyncio.gather(*pending)
    await generator.close()
    refusals = [timed for timed in found if timed.status == 503]
    return _Run(
        capacity=capacity,
        goodput=rate_of(found, started, ended) / capacity,
        usual=p99,
        answered=percentile(latencies(found, 200), 0.99),
        refused=percentile(sorted(timed.seconds for timed in refusals), 0.99),
        vague=sum(not timed.retry_after for timed in refusals),
        recovery=recovery(after, ended, p99),
        generator=busy,
        service=used,
        outcomes=_outcomes(found),
    )


def _outcomes(found: list[Timed]) -> Counter[str]:
    return Counter(str(timed.status) if timed.status else timed.lost for timed in found)


def _ten_times(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Three overloads, of which the median of each figure counts."""
    seconds = scope.choose(20.0, 8.0)
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(serve_copies(Path(folder), "imagenet"))
        with running(launch) as service, machine.priority():
            settle(service.port, [question("imagenet")])
            runs = [uvloop.run(_overload(service, seconds)) for _ in range(scope.choose(3, 1))]
    shown = runs[len(runs) // 2]
    busy = f"{shown.service:.1f} s of processors for the service, {shown.generator:.1f} to send"
    yield "goodput", Figure(median(r.goodput for r in runs), f"of {shown.capacity:.0f} a second")
    yield (
        "answered",
        Figure(
            median(r.answered / r.usual for r in runs),
            f"{1e3 * shown.answered:.0f} ms, usually {1e3 * shown.usual:.0f}; {busy}",
        ),
    )
    yield "refused", Figure(1e3 * median(r.refused for r in runs), tally(shown.outcomes))
    yield "vague", Figure(sum(r.vague for r in runs))
    lost = sum(r.outcomes.total() - r.outcomes["200"] - r.outcomes["503"] for r in runs)
    yield "lost", Figure(lost, f"of {sum(r.outcomes.total() for r in runs):,}")
    yield "recovery", Figure(median(r.recovery for r in runs))


def _fairness(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Ask digits alone and beside a saturated imagenet, in turn; the median ratio counts."""
    ratios, failed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(serve_copies(Path(folder), "imagenet", "digits"))
        with running(launch) as service, machine.priority():
            wire = Wire(service.port)
            for _ in range(100):  # the service learns how fast it is
                wire.send(digit())
            wire.close()
            for _ in range(scope.choose(5, 3)):
                alone, lost = _digits_p99(service.port, scope)
                with Clients(service.port, [question("imagenet")], _CLIENTS):
                    time.sleep(1)
                    beside, also_lost = _digits_p99(service.port, scope)
                ratios.append(beside / alone)
                failed += lost + also_lost
                time.sleep(0.5)
    shown = ", ".join(f"{ratio:.1f}" for ratio in sorted(ratios))
    yield "fair", Figure(median(ratios), f"of {shown}; {_CLIENTS} clients ask imagenet")
    yield "failed", Figure(failed)


def _digits_p99(port: int, scope: Scope) -> tuple[float, int]:
    """Return the 99th percentile of the latency in seconds, and how many requests failed."""
    with Clients(port, [digit()], 4, ClientBehaviour(pause=0.01)) as clients:
        time.sleep(scope.choose(4, 2))
    return percentile(clients.seconds(), 0.99), clients.failed()


EXPERIMENTS = (
    Experiment(
        "overload/ten-times",
        (
            Promise(
                "goodput", "answered at 10 times the capacity, of the capacity", at_least(0.9), True
            ),
            Promise("answered", "p99 of the answered, of that at 70 % load", at_most(2), True),
            Promise("refused", "p99 of a refusal", at_most(50, "ms"), True),
            Promise("vague", "refusals without Retry-After", exactly(0)),
            Promise("lost", "requests that get neither 200 nor 503", exactly(0)),
            Promise("recovery", "until latencies are usual again", at_most(2, "s"), True),
        ),
        _ten_times,
    ),
    Experiment(
        "overload/fairness",
        (
            Promise(
                "fair",
                "p99 of digits beside a saturated imagenet, of that alone",
                at_most(2.5),
                True,
            ),
            Promise("failed", "requests to digits that fail", exactly(0)),
        ),
        _fairness,
    ),
)
