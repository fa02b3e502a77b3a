"""Items that fail in the graph: the other items of their batch, other people's, do not."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.reliability import faulty_graphs
from benchmarks.reliability.bundles import picture_question, plant
from benchmarks.reliability.client import Clients, put, tally
from benchmarks.reliability.pictures import flat
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, exactly
from benchmarks.reliability.service import Launch, running

_CLIENTS, _EACH = 15, 60
_BLACK, _GREY, _WHITE = 0, 100, 255


def _neighbours(
    graph: Callable[[], bytes], bad_level: int, scope: Scope
) -> Iterator[tuple[str, Figure]]:
    """Send 900 good requests while another client sends only what fails."""
    with tempfile.TemporaryDirectory() as name:
        plant(Path(name), "fragile", graph())
        good, bad = (picture_question("fragile", flat(level)) for level in (_GREY, bad_level))
        with running(Launch(Path(name))) as service:
            with Clients(service.port, [bad], 2) as senders:
                clients = Clients(service.port, [good], _CLIENTS)
                clients.run_each(_EACH)
            outcomes = clients.outcomes()
            yield "neighbours", Figure(clients.failed(), f"answers: {tally(outcomes)}")
            reply = put(service.port, bad)
            own_type = reply.has_problem and b'"about:blank"' not in reply.body
            note = f"{reply.outcome}; the bad client got {tally(senders.outcomes())}"
            yield "problem", Figure(int(own_type and reply.status >= 500), note)


def _experiment(name: str, what: str, graph: Callable[[], bytes], level: int) -> Experiment:
    return Experiment(
        f"neighbours/{name}",
        (
            Promise(
                "neighbours",
                f"of {_CLIENTS * _EACH} requests beside {what}, failed",
                exactly(0, "requests"),
            ),
            Promise("problem", "the failing item's answer has a problem type", exactly(1)),
        ),
        partial(_neighbours, graph, level),
    )


EXPERIMENTS = (
    _experiment("nan", "items whose answer is NaN", faulty_graphs.not_a_number, _BLACK),
    _experiment("failing", "items on which the graph fails", faulty_graphs.failing, _WHITE),
)
