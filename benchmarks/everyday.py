"""`make bench-self`: Thalamus against the in-process limit, or against one of its commits.

It takes about three minutes. Every round starts new servers and measures both in every scenario;
which one is measured first alternates. A server runs for one round only, because two processes of
the same code differ by the addresses of their memory and by what they have learned of the machine;
new processes make that difference random, so that the interval covers it. A row fails, and so does
the command, if the interval of the ratio now / before ends below `SLOW`.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from benchmarks.forms import Form, multipart, raw
from benchmarks.limit import Limit
from benchmarks.load import drive
from benchmarks.models import workload
from benchmarks.reference import laid_out, same_graph
from benchmarks.rounds import SLOW, Interval, Round, interval, measure, ratio, rotated, typical
from benchmarks.servers import Server, Thalamus, start

NOW, BEFORE, LIMIT = "now", "before", "limit"
MANY = 32  # clients
BRIEF = 0.25  # share of the time for a lone client, because a median needs few requests


@dataclass(frozen=True)
class Scenario:
    """A model, the form of its requests, and the number of clients."""

    model: str
    form: Form
    clients: int = MANY

    @property
    def name(self) -> str:
        """The name of the row."""
        clients = f"{self.clients} clients" if self.clients > 1 else "1 client"
        return f"{self.model} {self.form.__name__}, {clients}"


SCENARIOS = (
    Scenario("large", raw),
    Scenario("small", raw),
    Scenario("large", multipart),
    Scenario("small", multipart),
    Scenario("text", raw),
    Scenario("audio", raw),
    Scenario("large", raw, 1),
    Scenario("small", raw, 1),
)
Contestant = Callable[[Scenario, float], float]  # of seconds of load → requests a second


@dataclass(frozen=True)
class Row:
    """The figures of one scenario's rounds for `NOW`, and for `LIMIT` or `BEFORE`."""

    name: str
    rounds: Sequence[Round]
    other: str

    @property
    def ratio(self) -> Interval:
        """The ratio of `NOW` to the other contestant."""
        return ratio(self.rounds, NOW, self.other)

    @property
    def fails(self) -> bool:
        """Whether it is slower than the commit before; false if the other is the limit."""
        return self.other == BEFORE and self.ratio.slow

    def __str__(self) -> str:
        now, other = (typical(self.rounds, name) for name in (NOW, self.other))
        figures = f"{f'{now:.1f}':>30}{f'{other:.1f}':>30}{f'{self.ratio:.3f}':>25}"
        noisy = sum(r.noisy for r in self.rounds)
        foreign = f"{max(r.foreign for r in self.rounds):.1%}" + f" ({noisy} noisy)" * bool(noisy)
        verdict = "FAILS" if self.fails else "ok" * (self.other == BEFORE)
        return f"{self.name:27}{figures}  {verdict:6}{foreign}"


def run(reference: str | None, only: list[str], rounds: int, seconds: float) -> None:
    """Print a row for each scenario, and exit with 1 if one fails; `only`: models, none: all."""
    chosen = [s for s in SCENARIOS if not only or s.model in only]
    with ExitStack() as stack:
        other = LIMIT if reference is None else BEFORE
        kinds, contestants = {NOW: Thalamus(NOW)}, dict[str, Contestant]()
        if reference is None:
            contestants[LIMIT] = partial(_most, stack.enter_context(closing(Limit())))
        else:
            kinds[BEFORE] = stack.enter_context(laid_out(BEFORE, reference))
            _warn_of_other_graphs(kinds[BEFORE], chosen)
        found: dict[Scenario, list[Round]] = {scenario: [] for scenario in chosen}
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
            with ExitStack() as serving:
                for name in rotated(list(kinds), turn):
                    contestants[name] = partial(rate, _started(serving, kinds[name]))
                for scenario, measured in found.items():
                    measured.append(measure(_loads(contestants, scenario, seconds), turn))
        print(head(other, rounds))
        judge(Row(scenario.name, measured, other) for scenario, measured in found.items())


def _loads(
    contestants: Mapping[str, Contestant], scenario: Scenario, seconds: float
) -> dict[str, Callable[[], float]]:
    """Return a function for each contestant that measures it in a round, in a fixed order."""
    load = seconds * (1 if scenario.clients > 1 else BRIEF)
    return {name: partial(contestants[name], scenario, load) for name in sorted(contestants)}


def head(other: str, rounds: int) -> str:
    """Return the lines above the rows."""
    confidence = interval([1.0] * rounds).confidence
    return (
        "Requests a second; of one client, 1 / its median latency. Medians of "
        f"{rounds} interleaved rounds with\ntheir distribution-free intervals, {confidence:.1%}"
        + (f"; a row fails whose ratio lies below {SLOW} with all of it" * (other == BEFORE))
        + f"\n{'':27}{NOW:>30}{other:>30}{f'{NOW} / {other}':>25}  {'':6}foreign CPU"
    )


def judge(rows: Iterable[Row]) -> None:
    """Print the rows; raise `SystemExit` with those that fail, if any."""
    failed = []
    for row in rows:
        print(row, flush=True)
        failed += [row.name] * row.fails
    if failed:
        raise SystemExit(f"FAILS, slower than before: {'; '.join(failed)}")


def _started(stack: ExitStack, kind: Thalamus) -> Server:
    server = start(kind, workload("small"))
    stack.callback(server.stop)
    return server


def _warn_of_other_graphs(before: Thalamus, scenarios: Sequence[Scenario]) -> None:
    for model in sorted({scenario.model for scenario in scenarios}):
        if not same_graph(before.models, model):
            print(f"{model}: the graphs differ, so that its rows compare these too")


def rate(server: Server, scenario: Scenario, seconds: float) -> float:
    """Return requests a second; errors end the benchmark."""
    work, clients = workload(scenario.model), scenario.clients
    requests = server.kind.requests(server.port, work, scenario.form)
    load = drive(requests, clients, work.lasting(seconds))
    if load.errors or not load.requests:
        raise SystemExit(
            f"{server.kind.name}: {load.errors} errors, {load.requests} answers: {scenario.name}"
        )
    return load.rate if clients > 1 else 1 / load.p50


def _most(limit: Limit, scenario: Scenario, seconds: float) -> float:
    """Return the in-process limit; a third of the time is enough."""
    if scenario.clients > 1:
        return limit.rate(scenario.model, seconds / 3)
    return 1 / limit.latency(scenario.model, seconds)
