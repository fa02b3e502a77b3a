"""Clients: one request, and threads that send requests and count what came of each."""

import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

HOST = "127.0.0.1"
PROBLEM = "application/problem+json"  # the media type of RFC 9457


@dataclass(frozen=True)
class Reply:
    """What came of a request. Without an answer the status is 0 and `lost` names the error."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: str = ""
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """The status, or the name of the error."""
        return str(self.status) if self.status else self.lost

    @property
    def has_problem(self) -> bool:
        """Whether its body has the form of RFC 9457."""
        return self.headers.get("content-type", "").startswith(PROBLEM)

    @property
    def is_problem(self) -> bool:
        """Whether it is a refusal of the client's mistake in the form of RFC 9457."""
        return 400 <= self.status < 500 and self.has_problem


@dataclass(frozen=True)
class Question:
    """A POST request that can be sent again and again."""

    path: str
    body: bytes
    media_type: str

    def wire(self) -> bytes:
        """Return its bytes in HTTP/1.1."""
        rows = [f"POST {self.path} HTTP/1.1", "Host: localhost"]
        rows += [f"Content-Type: {self.media_type}", f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(rows).encode() + self.body


class Wire:
    """One kept-alive connection. After an error or `Connection: close` the next one is new."""

    def __init__(self, port: int, timeout: float = 20) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=timeout)

    def send(self, question: Question) -> Reply:
        """Send a request and return what came of it."""
        return self.request(
            "POST", question.path, question.body, {"Content-Type": question.media_type}
        )

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request and return what came of it."""
        started = time.monotonic()
        try:
            self._connection.request(method, path, body or None, dict(headers or {}))
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Reply(0, lost=type(error).__name__, seconds=time.monotonic() - started)
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, answer, "", time.monotonic() - started)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float = 20,
) -> Reply:
    """Send one request on a connection of its own."""
    wire = Wire(port, timeout)
    try:
        return wire.request(method, path, body, headers)
    finally:
        wire.close()


def put(port: int, question: Question, timeout: float = 20) -> Reply:
    """Send one question on a connection of its own."""
    headers = {"Content-Type": question.media_type}
    return ask(port, "POST", question.path, question.body, headers, timeout)


def settle(port: int, questions: Sequence[Question], seconds: float = 4.0) -> None:
    """Ask each question alone for so long: every worker learns how it answers that best.

    For that it may load a second copy of a model, which would look like growth later.
    """
    wires = [Wire(port) for _ in range(4)]  # one after another, they go to different workers
    for question in questions:
        ended = time.monotonic() + seconds
        while time.monotonic() < ended:
            for wire in wires:
                wire.send(question)
    for wire in wires:
        wire.close()


@dataclass(frozen=True)
class ClientBehaviour:
    """How a client behaves.

    kept: one connection a client instead of one a request. pause: seconds between an answer and the
    next request. note: called with the client's number and every reply, from its thread. until: the
    client ends when it says so of a reply.
    """

    kept: bool = True
    pause: float = 0.0
    note: Callable[[int, Reply], None] = lambda client, reply: None
    until: Callable[[Reply], bool] = lambda reply: False


class Clients:
    """Threads that each send a question again and again until `stop`; a context manager.

    questions: those of the clients; clients share them in turn.
    """

    def __init__(
        self,
        port: int,
        questions: Sequence[Question],
        count: int,
        behaviour: ClientBehaviour = ClientBehaviour(),
    ) -> None:
        self._port, self._questions, self._behaviour = port, questions, behaviour
        self._stopping, self._left = threading.Event(), sys.maxsize
        self.replies: list[Reply] = []
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every client finish its request and end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def run_each(self, count: int) -> None:
        """Let every client send `count` requests, and wait for them; instead of `with`."""
        self._left = count
        self.__enter__()
        self.join()

    def join(self) -> None:
        """Wait until every client has ended by itself."""
        for thread in self._threads:
            thread.join()

    def outcomes(self) -> Counter[str]:
        """Count the outcomes until now."""
        return self.count(list(self.replies))

    @staticmethod
    def count(replies: Sequence[Reply]) -> Counter[str]:
        """Count the outcomes of replies."""
        return Counter(reply.outcome for reply in replies)

    def failed(self) -> int:
        """Count the requests that were not answered with 200."""
        return sum(count for name, count in self.outcomes().items() if name != "200")

    def seconds(self) -> list[float]:
        """Return the latencies of the answers with 200, in order of size."""
        return sorted(reply.seconds for reply in list(self.replies) if reply.status == 200)

    def _run(self, index: int) -> None:
        wire, question = Wire(self._port), self._questions[index % len(self._questions)]
        for _ in range(self._left):
            if self._stopping.is_set():
                break
            reply = wire.send(question)
            self.replies.append(reply)
            self._behaviour.note(index, reply)
            if not self._behaviour.kept:
                wire.close()
            if self._behaviour.until(reply):
                break
            if self._behaviour.pause or not reply.status:
                self._stopping.wait(self._behaviour.pause or 0.02)
        wire.close()


def tally(outcomes: Mapping[str, int]) -> str:
    """Write outcomes with the most frequent first: `200 × 1,204, 503 × 3`."""
    ordered = sorted(outcomes.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} × {count:,}" for name, count in ordered) or "nothing"


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile of values in order of size; NaN of none."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
