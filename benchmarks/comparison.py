"""Throughput and latency of Thalamus and its peers on one model, by the number of clients.

All servers run all the time. A server that uses the processors while it gets no request is frozen
until its turn (not always: NVIDIA Triton does not survive it). The in-process limit is measured at
the start of every turn; a share is a figure divided by the limit of its turn.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import numpy as np

from app.runtime.session import Session
from benchmarks import machine
from benchmarks.forms import Answer, Form, multipart, raw
from benchmarks.limit import Limit
from benchmarks.load import Load, Unreachable, drive
from benchmarks.models import Workload, workload
from benchmarks.peers.picture import decode
from benchmarks.servers import DidNotStart, Kind, Server, Thalamus, start

CLIENTS = (1, 8, 32, 64)
TOLERANCE = 1e-3  # of a probability
Contestant = tuple[str, Server, Form]
POLLING = 0.03  # share of a core; a server that uses more while idle is frozen between its turns
WARMING = 1  # seconds of load that do not count


@dataclass(frozen=True)
class Turn:
    """The figures of one server in one round, by number of clients."""

    loads: dict[int, Load]
    limit: float
    foreign: float


@dataclass(frozen=True)
class Comparison:
    """The turns of every contestant, one for each round, and why others have none."""

    model: str
    turns: dict[str, list[Turn]]
    skipped: dict[str, str]
    idle: dict[str, float]  # share of a core that a server uses without requests

    def rate(self, name: str, clients: int) -> float:
        """Return the median of requests a second."""
        return median(turn.loads[clients].rate for turn in self.turns[name])

    def p99(self, name: str, clients: int) -> float:
        """Return the median of the 99th percentiles, in seconds."""
        return median(turn.loads[clients].p99 for turn in self.turns[name])

    def share(self, name: str, clients: int) -> float:
        """Return the median share of the limit."""
        return median(turn.loads[clients].rate / turn.limit for turn in self.turns[name])

    def over(self, name: str, other: str, clients: int) -> float:
        """Return the median over the rounds of one's share over another's."""
        pairs = zip(self.turns[name], self.turns[other], strict=True)
        return median(
            (a.loads[clients].rate / a.limit) / (b.loads[clients].rate / b.limit) for a, b in pairs
        )

    @property
    def errors(self) -> int:
        """All errors of all turns."""
        return sum(
            load.errors for ts in self.turns.values() for t in ts for load in t.loads.values()
        )


def compare(
    model: str, kinds: Sequence[Kind], limit: Limit, rounds: int, seconds: float
) -> Comparison:
    """Run the rounds; skip a server that does not start or gives different answers."""
    work, skipped, idle = workload(model), dict[str, str](), dict[str, float]()
    with ExitStack() as stack:
        contestants: list[Contestant] = []
        for kind in kinds:
            server = _started(kind, work, skipped)
            if server is not None:
                stack.callback(server.stop)
                contestants += _contestants(server)
                idle[kind.name] = server.idle()
                server.polls = idle[kind.name] > POLLING
                server.freeze()
        limit.best(model)
        turns: dict[str, list[Turn]] = {name: [] for name, _, _ in contestants}
        for index in range(rounds):
            for name, server, form in contestants[index:] + contestants[:index]:
                try:
                    turns[name].append(_turn(server, work, form, limit, seconds))
                except Unreachable as problem:
                    skipped[name] = f"went away in round {index + 1}, {problem}"
            print(f"{model}: round {index + 1} of {rounds}", flush=True)
    whole = {name: found for name, found in turns.items() if len(found) == rounds}
    return Comparison(model, whole, skipped, idle)


def _contestants(server: Server) -> list[Contestant]:
    found: list[Contestant] = [(server.kind.name, server, raw)]
    if isinstance(server.kind, Thalamus):
        found.append((f"{server.kind.name}, multipart", server, multipart))
    return found


def _started(kind: Kind, work: Workload, skipped: dict[str, str]) -> Server | None:
    """Return the warm server after a check of its answers, or the reason why it is skipped."""
    try:
        server = start(kind, work)
    except DidNotStart as problem:
        skipped[kind.name] = str(problem)
    else:
        wrong = differences(server.answers(work), expected(work))
        if not wrong:
            drive(kind.requests(server.port, work), 8, WARMING)
            print(f"{kind.name}: ready after {server.ready_after:.1f} s", flush=True)
            return server
        server.stop()
        skipped[kind.name] = wrong
    print(f"{kind.name} is skipped: {skipped[kind.name]}", flush=True)
    return None


def _turn(server: Server, work: Workload, form: Form, limit: Limit, seconds: float) -> Turn:
    watch = machine.Watch()
    most = limit.rate(work.model, seconds / 2)
    server.thaw()
    asked = server.kind.requests(server.port, work, form)
    loads = {clients: drive(asked, clients, work.lasting(seconds)) for clients in CLIENTS}
    if not server.polls:
        server.rest()  # some still answer disconnected clients, in the next server's turn
    server.freeze()
    return Turn(loads, most, watch.foreign())


def expected(work: Workload) -> list[Answer]:
    """Return the answers of the graph to all payloads, computed in this process."""
    session = Session((work.bundle / "model.onnx").read_bytes())
    pictures = np.stack([decode(p, work.side) for p in work.payloads])
    scores = session.run({"image": pictures})["probabilities"]
    return [(str(row.argmax()), float(row.max())) for row in scores]


def differences(answers: Sequence[Answer], right: Sequence[Answer]) -> str:
    """Return a sentence on the first difference, or an empty text."""
    for index, (answer, wanted) in enumerate(zip(answers, right, strict=True)):
        if answer[0] != wanted[0] or abs(answer[1] - wanted[1]) > TOLERANCE:
            return f"payload {index} is answered {answer}, the graph says {wanted}"
    return ""
