"""Memory of a decode: small files that decode to gigabytes must not cost a worker its life."""

import base64
import json
import resource
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.reliability.bundles import digit, picture_question, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, Question, Reply, put, tally
from benchmarks.reliability.pictures import huge
from benchmarks.reliability.process import MEGABYTE, forget_peak, peak, resident, virtual
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.service import Launch, Service, running

_ALLOWED = 400  # MB
_TOO_MUCH = 2_500  # MB of a worker, at which the service is killed: this machine is not to suffer
_HONEST = {"200", "413", "503", "504"}


def _six_pictures() -> Question:
    """Return a request of 2 MB: six pictures of 8000 × 8000 pixels with transparency."""
    picture = {"b64": base64.b64encode(huge(8000, True)).decode()}
    body = json.dumps({"instances": [picture] * 6}).encode()
    return Question("/v1/models/digits/classify", body, "application/json")


def _growth(service: Service, count: int) -> tuple[float, list[Reply]]:
    """Send the request `count` times at once; return the peak growth of a worker, and replies."""
    question, workers = _six_pictures(), service.workers()
    before = {pid: resident(pid) for pid in workers}
    for pid in workers:
        forget_peak(pid)
    replies: list[Reply] = []
    senders = [
        threading.Thread(target=lambda: replies.append(put(service.port, question, 60)))
        for _ in range(count)
    ]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        senders[0].join(0.02)
        if max(map(resident, workers)) > _TOO_MUCH:
            largest = max(peak(pid) - before[pid] for pid in workers)
            service.kill()
            break
    else:
        largest = max(peak(pid) - before[pid] for pid in workers)
    for sender in senders:
        sender.join()
    return largest, replies


def _decode(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as folder:
        models = serve_copies(Path(folder), "digits")
        dishonest = 0
        for name, count, deadline in (("one", 1, "30"), ("sixteen", 16, scope.choose("30", "6"))):
            with running(Launch(models, {"DEADLINE": deadline})) as service:
                largest, replies = _growth(service, count)
            outcomes = Clients.count(replies)
            if count == 1:
                yield "served", Figure(outcomes["200"], tally(outcomes))
            dishonest += sum(n for outcome, n in outcomes.items() if outcome not in _HONEST)
            yield name, Figure(largest, f"answers: {tally(outcomes)}")
        yield "answers", Figure(dishonest)


def _short(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Take the address space away from workers that are ready, then ask for good pictures."""
    question = picture_question("digits", huge(4000, False))
    with tempfile.TemporaryDirectory() as folder:
        models = serve_copies(Path(folder), "digits")
        with running(Launch(models, {"DEADLINE": "10"})) as service:
            workers = service.workers()
            limits = {pid: resource.prlimit(pid, resource.RLIMIT_AS) for pid in workers}
            for pid, (_, hard) in limits.items():
                room = int((virtual(pid) + 40) * MEGABYTE)  # the picture alone is 48
                resource.prlimit(pid, resource.RLIMIT_AS, (room, hard))
            clients = Clients(
                service.port, [question], 8, ClientBehaviour(until=lambda reply: True)
            )
            with clients:
                clients.join()
            for pid, limit in limits.items():
                resource.prlimit(pid, resource.RLIMIT_AS, limit)
            outcomes = clients.outcomes()
            wrong = sum(n for name, n in outcomes.items() if name not in ("200", "503"))
            yield "short", Figure(wrong, f"answers: {tally(outcomes)}")
            again = put(service.port, digit())
            yield "afterwards", Figure(int(again.status != 200), again.outcome)


EXPERIMENTS = (
    Experiment(
        "memory/decode",
        (
            Promise(
                "one",
                "a worker's peak for one request of 2 MB: six PNGs of 8000×8000",
                at_most(_ALLOWED, "MB"),
            ),
            Promise("served", "answered with 200 of that one", exactly(1, "request")),
            Promise("sixteen", "the same, sixteen of them at once", at_most(_ALLOWED, "MB")),
            Promise(
                "answers",
                "of those seventeen, answered otherwise than 200, 413, 503 or 504",
                exactly(0, "requests"),
            ),
        ),
        _decode,
    ),
    Experiment(
        "memory/short",
        (
            Promise(
                "short",
                "good pictures that a worker without memory does not answer with 200 or 503",
                exactly(0, "requests"),
            ),
            Promise("afterwards", "failed once there is memory again", exactly(0, "requests")),
        ),
        _short,
    ),
)
