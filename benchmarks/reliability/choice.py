"""Which version serves is changed under load: every client follows at once, and none fails."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.serving.rule_changes import hold, pin, release, rollback, unpin
from benchmarks.reliability.bundles import Versions, digit
from benchmarks.reliability.client import ClientBehaviour, Clients, Reply, tally
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.service import Launch, running, wait_until

_CLIENTS, _REQUESTS, _PATIENCE = 8, 5000, 30
_NONE = -1  # no version: nothing is expected yet
# What an operator does, and the version that serves then, of three.
_STEPS: tuple[tuple[str, Callable[[Path], object], int], ...] = (
    ("release", lambda model: release(model, 3), 3),
    ("pin", lambda model: pin(model, 2), 2),
    ("rollback", rollback, 1),
    ("unpin", unpin, 3),
)


class Followed:
    """The version of each client's last answer since the latest change, and steps back.

    back: answers that came, on one connection, after one of the version that is expected now, and
    are of another. answers: all of them.
    """

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self.expect(_NONE)
        self.back = self.answers = 0

    def expect(self, version: int) -> None:
        """Wait for another version; what is in flight may still come from the one before."""
        self._version, self._last = version, [0] * self._clients

    def note(self, client: int, reply: Reply) -> None:
        """Look at a reply: after the new version, a connection gets no answer from another."""
        if reply.status != 200:
            return
        version, last = int(reply.headers["x-model-version"]), self._last[client]
        self.answers += 1
        self.back += last == self._version and version != last
        self._last[client] = version

    def everywhere(self) -> bool:
        """Whether every client has got an answer from the expected version."""
        return all(version == self._version for version in self._last)


def _switches(scope: Scope) -> Iterator[tuple[str, Figure]]:
    rounds, followed = scope.choose(10, 2), Followed(_CLIENTS)
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in _STEPS}
    with tempfile.TemporaryDirectory() as name:
        versions, model = Versions(Path(name)), Path(name, "digits")
        for version in (2, 3):
            versions.publish(version)
        hold(model, 3, "it is worse")
        behaviour = ClientBehaviour(pause=0.002, note=followed.note)
        with (
            running(Launch(Path(name))) as service,
            Clients(service.port, [digit()], _CLIENTS, behaviour) as clients,
        ):
            for _ in range(rounds):
                for what, change, version in _STEPS:
                    followed.expect(version)
                    change(model)
                    seconds[what].append(wait_until(followed.everywhere, _PATIENCE))
                followed.expect(2)
                hold(model, 3, "it is worse")
                wait_until(followed.everywhere, _PATIENCE)
            wait_until(lambda: followed.answers >= _REQUESTS, _PATIENCE)
            time.sleep(0.1)
    for what, taken in seconds.items():
        yield what, Figure(max(taken), f"the longest of {len(taken)}")
    outcomes = clients.outcomes()
    yield "failed", Figure(clients.failed(), f"answers: {tally(outcomes)}")
    yield "short", Figure(max(0, _REQUESTS - outcomes["200"]), f"of {_REQUESTS:,} requests")
    yield "back", Figure(followed.back, f"of {outcomes['200']:,}")


EXPERIMENTS = (
    Experiment(
        "choice/switches",
        (
            *(
                Promise(what, f"until every client's answers follow: {what}", at_most(1, "s"), True)
                for what, _, _ in _STEPS
            ),
            Promise("failed", "requests that fail meanwhile", exactly(0, "requests")),
            Promise("short", "requests that were too few for this", exactly(0, "requests")),
            Promise("back", "answers on a connection that go back", exactly(0, "answers")),
        ),
        _switches,
    ),
)
