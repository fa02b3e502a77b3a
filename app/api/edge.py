"""The layer around all routes, pure ASGI: request ids, admission, body sizes, errors, log.

A request that is over a limit is refused before its body is read, where its headers show it. Bytes
are counted as they arrive, whatever Content-Length says: those of each body, and those of all
bodies in flight; of a compressed body, those of what it holds. Every error is answered here, also
those that the connection has found (`REFUSED`). (`BaseHTTPMiddleware` is avoided, because it hides
that a client has disconnected.)
"""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.addresses import KEPT, PROBES
from app.api.content_coding import DecodedBody, Headers, content_coding
from app.api.error_forms import write_error
from app.api.problems import note, problem_for
from app.api.request_log import RequestLog
from app.errors import ClientDisconnected, TooLarge, TooManyBytes, TooManyRequests
from app.in_flight import InFlight
from app.metrics import Metrics
from app.telemetry import PROBE, RequestRecord, record_of

# A key of `scope["state"]`: the error with which to answer a request that is not valid HTTP. The
# connection may add it while the body arrives. (The copies of a scope share their state.)
REFUSED = "thalamus.refused"
_NO_STATE: dict[str, Any] = {}
_ALWAYS = PROBES | {"/metrics"}  # answered even at the limit
_SAFE = (b"x-content-type-options", b"nosniff")
# An answer is about one request of one client, and about models that may be replaced.
_NOT_KEPT = (b"cache-control", b"no-store")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The limits of admission: bytes of one body and of all bodies, and requests, in flight."""

    max_body: int
    max_bytes: int
    max_requests: int


class Edge:
    """Wraps an ASGI app. Answers with a problem if a request is over a limit, and if it fails."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        limits: AdmissionLimits,
        in_flight: InFlight,
        *,
        log_all: bool,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._limits = limits
        self._digits = len(str(limits.max_bytes)) + 1  # of a length: enough to be over the limit
        self._log = RequestLog(log_all)
        self._in_flight = in_flight
        self._bytes = 0  # of the bodies in flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; the limits are for HTTP requests only."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        scope["request_id"] = _request_id(headers.get(b"x-request-id"))
        state = scope.get("state", _NO_STATE)
        answer = _Answer(scope, send)
        body = _Body(receive, self, state)
        counted = scope["method"] == "POST" or scope["path"] not in _ALWAYS
        try:
            if state:
                _raise_refusal(state)
            if not counted:
                answer.record.operation = PROBE
            else:
                self._admit(headers)
                if b"content-encoding" in headers and scope["method"] == "POST":
                    body.decode(scope["headers"], self._limits.max_body)
                self._in_flight.enter()
            try:
                await self._app(scope, body.receive, answer.send)
            finally:
                self._bytes -= body.size
                if counted:
                    self._in_flight.leave()
        except Exception as error:  # any error is answered, counted and logged
            note(scope, error)
            if answer.status is not None:
                raise
            await answer.refuse(error)
        finally:
            if answer.status is not None:
                self._finished(scope, answer.record, answer.status, answer.start)
        return None

    def arrived(self, size: int, more: int) -> None:
        """Count `more` bytes of a body that now has `size` bytes; raise if it is over a limit."""
        self._bytes += more
        self._check_sizes(size, self._bytes)

    def _finished(self, scope: Scope, record: RequestRecord, status: int, start: float) -> None:
        """Count and log a request after the last byte of its answer."""
        seconds = time.perf_counter() - start
        status = record.status or status  # a stream that failed began with 200
        self._metrics.answered(record, status, seconds)
        self._log.write(scope, record, status, seconds)

    def _admit(self, headers: dict[bytes, bytes]) -> None:
        if self._in_flight.own >= self._limits.max_requests:
            raise TooManyRequests("too many requests are in flight; try again later")
        declared = headers.get(b"content-length", b"0")
        size = int(declared.lstrip(b"0")[: self._digits] or b"0") if declared.isdigit() else 0
        self._check_sizes(size, self._bytes + size)

    def _check_sizes(self, body: int, bodies: int) -> None:
        """Raise if the size of one body, or that of all in flight, is over its limit."""
        if body > self._limits.max_body:
            raise TooLarge(f"expected a body of at most {self._limits.max_body} bytes, got more")
        if bodies > self._limits.max_bytes:
            raise TooManyBytes("the requests in flight hold too many bytes; try again later")


class _Body:
    """Counts a body as it arrives."""

    def __init__(self, receive: Receive, edge: Edge, state: dict[str, Any]) -> None:
        self._receive, self._edge, self._state = receive, edge, state
        self.size = 0
        self._complete = False

    def decode(self, headers: Headers, max_body: int) -> None:
        """Decompress the body as it arrives; raise `UnsupportedCoding`."""
        if (coding := content_coding(headers)) is not None:
            self._receive = DecodedBody(self._receive, coding, max_body).receive

    async def receive(self) -> Message:
        message = await self._receive()
        if self._complete:
            return message
        if self._state:
            _raise_refusal(self._state)
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left before its body had arrived")
        more = len(message.get("body", b""))
        self.size += more
        self._complete = not message.get("more_body", False)
        self._edge.arrived(self.size, more)
        return message


class _Answer:
    """Adds headers to the answer, as its request id. `record` is what the layers note about it.

    status: None until the answer has started.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.start = time.perf_counter()
        self.status: int | None = None
        self.record = record_of(scope)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", []),
                *self._model(),
                (b"x-request-id", self._scope["request_id"].encode()),
                _SAFE,
            ]
            # The files of the pages have validators, and a browser may keep them.
            if self.status >= 400 or not self._scope["path"].startswith(KEPT):
                message["headers"].append(_NOT_KEPT)
        await self._send(message)

    def _model(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that name the version that was asked, once it is known."""
        if not self.record.version:
            return ()
        name, version = self.record.model.encode(), b"%d" % int(self.record.version)
        return ((b"x-model-name", name), (b"x-model-version", version))

    async def refuse(self, error: Exception) -> None:
        body, headers = problem_for(error, self._scope["request_id"])
        payload, media_type = write_error(body, self._scope["path"])
        headers |= {"Content-Type": media_type, "Content-Length": str(len(payload))}
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send(
            {"type": "http.response.start", "status": body["status"], "headers": encoded}
        )
        await self._send({"type": "http.response.body", "body": payload})


def _raise_refusal(state: dict[str, Any]) -> None:
    if (refusal := state.get(REFUSED)) is not None:
        raise refusal


def _request_id(given: bytes | None) -> str:
    text = given.decode("latin-1") if given else ""
    return text if _REQUEST_ID.fullmatch(text) else os.urandom(16).hex()
