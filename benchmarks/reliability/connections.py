"""Connections that say little, nothing, or too much: bounded in time, bytes and number."""

import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.reliability.bundles import digit, serve_copies
from benchmarks.reliability.client import HOST, ClientBehaviour, Clients, Wire, put, tally
from benchmarks.reliability.process import descriptors
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, at_most, exactly
from benchmarks.reliability.raw import connect, exchange, flood, is_closed, trickle
from benchmarks.reliability.service import Launch, Service, running, wait_until

_EACH = 100  # connections of each slow kind
_IDLE = 61  # seconds: one more than proxies keep a connection
_SLACK = 2  # seconds
_GOOD = ClientBehaviour(kept=False, pause=0.02)
_COME_AND_GO = 4  # connections of the good clients
_MAX_BODY = 2**20
_MOST = 64 * 2**20  # bytes of a flood, far above any limit
_HOST = b"Host: x\r\n"
_OPEN_HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: "
_HEAD_SECONDS, _SEND_SECONDS = 10, 30


@contextmanager
def _served(
    settings: Mapping[str, str] | None = None, before: Callable[[], None] | None = None
) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        models = serve_copies(Path(folder), "digits")
        with running(Launch(models, settings or {}, before=before)) as service:
            yield service


def _slow(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Open a hundred connections of each kind, and see how long the service keeps them."""
    shorter = {"HEAD_TIMEOUT": "4", "SEND_TIMEOUT": "6"}  # than the defaults
    with _served(scope.choose({}, shorter)) as service, ExitStack() as stack:
        kept = Wire(service.port)
        kept.send(digit())
        kept_since = time.monotonic()
        with Clients(service.port, [digit()], 2, _GOOD) as clients:
            time.sleep(0.5)
            base = _descriptors(service)
            kinds = {
                "silent": _open(stack, service),
                "half": _open(stack, service),
                "trickled": _open(stack, service),
                "reader": _open(stack, service, 4096),
            }
            wait_until(lambda: _descriptors(service) >= base + 4 * _EACH - _COME_AND_GO, 10)
            _send(kinds["half"] + kinds["trickled"], _OPEN_HEAD)
            _send(kinds["reader"], b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 60)
            closed = _watch(service, kinds, base)
        for name, seconds in closed.items():
            yield name, Figure(seconds, f"{_EACH} of them")
        yield "good", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")
        idle = scope.choose(_IDLE, 8)
        time.sleep(max(0.0, kept_since + idle - time.monotonic()))
        reply = kept.send(digit())
        kept.close()
        note = f"{reply.outcome} after {time.monotonic() - kept_since:.0f} s of silence"
        yield "kept", Figure(int(reply.status != 200), note)


def _open(stack: ExitStack, service: Service, receive: int = 0) -> list[socket.socket]:
    found = [connect(service.port, receive=receive) for _ in range(_EACH)]
    for connection in found:
        stack.callback(connection.close)
    return found


def _send(connections: Sequence[socket.socket], data: bytes) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.sendall(data)


def _watch(
    service: Service, kinds: Mapping[str, Sequence[socket.socket]], base: int
) -> dict[str, float]:
    """Return for each kind the seconds until the last was closed; infinity if one is open.

    A slow reader does not see that it was closed, so the service's descriptors are counted.
    """
    started, closed = time.monotonic(), dict.fromkeys(kinds, float("inf"))
    heads = {name: list(found) for name, found in kinds.items() if name != "reader"}
    last = _SEND_SECONDS + 2 * _SLACK
    while (now := time.monotonic() - started) < last and float("inf") in closed.values():
        for connection in heads["trickled"]:
            trickle(connection)
        for name, waiting in heads.items():
            heads[name] = [each for each in waiting if not is_closed(each)]
            if not heads[name]:
                closed[name] = min(closed[name], now)
        left = _descriptors(service) - base - sum(map(len, heads.values()))
        if left <= _COME_AND_GO:
            closed["reader"] = min(closed["reader"], now)
        time.sleep(0.5)
    return closed


def _descriptors(service: Service) -> int:
    return sum(map(descriptors, service.workers()))


_PAGE = b"GET /livez HTTP/1.1\r\n"
_POST = b"POST /v1/models/digits/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
_MALFORMED = {
    "head of 1 MB": _PAGE + _HOST + b"X: " + b"a" * 2**20 + b"\r\n\r\n",
    "address of 1 MB": b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\n" + _HOST + b"\r\n",
    "1,000 fields": _PAGE + _HOST + b"X: y\r\n" * 1000 + b"\r\n",
    "no Host": _PAGE + b"\r\n",
    "two Hosts": _PAGE + _HOST * 2 + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "bare line feed in a field": _PAGE + _HOST + b"X: a\nb\r\n\r\n",
    "folded field": _PAGE + _HOST + b"X: a\r\n b\r\n\r\n",
    "space before the colon": _PAGE + _HOST + b"X : y\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "negative length": _POST + b"Content-Length: -1\r\n\r\n",
    "length and chunks": _POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no size of a chunk": _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


def _heads(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with _served({"WORKERS": "1"}) as service:
        wrong = []
        for name, data in _MALFORMED.items():
            answer = exchange(service.port, data, 3)
            if not (answer.is_problem and answer.closed):
                wrong.append(f"{name}: {answer.status or 'no answer'}")
        yield "malformed", Figure(len(wrong), f"of {len(_MALFORMED)}: {', '.join(wrong) or 'none'}")


def _past(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Send a body to what refuses it, and go on sending."""
    post, kind = "POST /v1/models/digits/classify", "Content-Type: image/png\r\n"
    lines = {
        "413": (post, kind),
        "404": ("POST /v1/models/nothing/classify", kind),
        "404 of the address": ("POST /nothing", kind),
        "405": ("PUT /v1/models/digits/classify", kind),
        "GET": ("GET /livez", ""),
    }
    lengths = ("Transfer-Encoding: chunked", f"Content-Length: {_MOST}")
    heads = {
        f"{name}, {length}": f"{line} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n\r\n"
        for name, (line, fields) in lines.items()
        for length in lengths
    }
    settings = {"WORKERS": "1", "MAX_BODY": str(_MAX_BODY)}
    with _served(settings) as service, ThreadPoolExecutor(len(heads)) as senders:
        sent = senders.map(
            lambda head: flood(service.port, head.encode(), _MOST, "chunked" in head),
            heads.values(),
        )
        taken = {name: size / 2**20 for name, size in zip(heads, sent, strict=True)}
    worst = max(taken, key=lambda name: taken[name])
    yield "past", Figure(taken[worst], worst)


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))


def _exhausted(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Open more connections than the service may have descriptors; then let go of them."""
    with _served(before=_few_descriptors) as service:
        port = service.port
        taken = []
        for _ in range(400):
            connection = socket.socket()
            connection.settimeout(1)
            taken.append(connection)
            if connection.connect_ex((HOST, port)):
                break
        time.sleep(2)
        for connection in taken:
            connection.close()
        time.sleep(2)
        replies = Clients.count([put(port, digit(), 5) for _ in range(40)])
        yield "recovers", Figure(40 - replies["200"], f"answers: {tally(replies)}")
        yield "tracebacks", Figure(service.text().count("Traceback"))
        before = [descriptors(pid) for pid in service.workers()]
        more = [connect(port) for _ in range(40)]
        time.sleep(1)
        shares = [descriptors(p) - b for p, b in zip(service.workers(), before, strict=True)]
        for connection in more:
            connection.close()
        yield "balance", Figure(max(shares) - min(shares), f"{shares} of 40")


_HEAD_LIMIT = at_most(_HEAD_SECONDS + _SLACK, "s")
EXPERIMENTS = (
    Experiment(
        "connections/slow",
        (
            Promise("silent", "until a silent connection is closed", _HEAD_LIMIT),
            Promise("half", "until one with half a head is closed", _HEAD_LIMIT),
            Promise("trickled", "until one whose head comes byte by byte is closed", _HEAD_LIMIT),
            Promise(
                "reader",
                "until one that reads no answer is closed",
                at_most(_SEND_SECONDS + _SLACK, "s"),
            ),
            Promise("good", "requests of a good client that fail meanwhile", exactly(0)),
            Promise("kept", "idle kept-alive connections that are lost", exactly(0)),
        ),
        _slow,
    ),
    Experiment(
        "connections/heads",
        (
            Promise(
                "malformed", "malformed requests not refused with a problem and closed", exactly(0)
            ),
        ),
        _heads,
    ),
    Experiment(
        "connections/past-a-refusal",
        (
            Promise(
                "past",
                "taken of a refused body: 1 MB (THALAMUS_MAX_BODY) + 2 MB + the sender's buffer",
                at_most(5, "MB"),
            ),
        ),
        _past,
    ),
    Experiment(
        "connections/descriptors",
        (
            Promise("recovers", "requests that fail after all descriptors were taken", exactly(0)),
            Promise("tracebacks", "tracebacks in the log of it", exactly(0)),
            Promise(
                "balance",
                "difference of the workers' shares of 40 new connections",
                at_most(4, "connections"),
            ),
        ),
        _exhausted,
    ),
)
