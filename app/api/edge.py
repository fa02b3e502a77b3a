"""The layer around all routes, pure ASGI: request ids, admission, body sizes, errors, log.

A request that is over a limit is refused before its body is read, where its headers show it. Bytes
are counted as they arrive, whatever Content-Length says: those of each body, and those of all
bodies in flight. Every error is answered here. (`BaseHTTPMiddleware` is avoided, because it hides
that a client has disconnected.)
"""

import logging
import os
import re
import time
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import MEDIA_TYPE, problem_for
from app.errors import ClientDisconnected, Overloaded, TooLarge
from app.in_flight import InFlight
from app.metrics import Metrics
from app.telemetry import event

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
        self._log_all = log_all
        self._in_flight = in_flight
        self._bytes = 0  # of the bodies in flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; the limits are for HTTP requests only."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        scope["request_id"] = _request_id(headers.get(b"x-request-id"))
        answer = _Answer(scope, send, self._metrics, self._log_all)
        body = _Body(receive, self)
        counted = scope["method"] == "POST"  # probes are answered even at the limit
        try:
            if counted:
                self._admit(headers)
                self._in_flight.enter()
            try:
                await self._app(scope, body.receive, answer.send)
            finally:
                self._bytes -= body.size
                if counted:
                    self._in_flight.leave()
        except Exception as error:  # any error is answered, counted and logged
            if answer.started:
                raise
            await answer.refuse(error)
        return None

    def arrived(self, size: int, more: int) -> None:
        """Count `more` bytes of a body that now has `size` bytes; raise if it is over a limit."""
        self._bytes += more
        if size > self._limits.max_body:
            raise TooLarge(f"expected a body of at most {self._limits.max_body} bytes, got more")
        if self._bytes > self._limits.max_bytes:
            raise Overloaded("the requests in flight hold too many bytes; try again later")

    def _admit(self, headers: dict[bytes, bytes]) -> None:
        if self._in_flight.own >= self._limits.max_requests:
            raise Overloaded("too many requests are in flight; try again later")
        declared = headers.get(b"content-length", b"0")
        digits = len(str(self._limits.max_bytes)) + 1  # enough to show that it is over the limit
        size = int(declared.lstrip(b"0")[:digits] or b"0") if declared.isdigit() else 0
        if size > self._limits.max_body:
            raise TooLarge(f"expected a body of at most {self._limits.max_body} bytes, got more")
        if self._bytes + size > self._limits.max_bytes:
            raise Overloaded("the requests in flight hold too many bytes; try again later")


class _Body:
    """Counts a body as it arrives."""

    def __init__(self, receive: Receive, edge: Edge) -> None:
        self._receive, self._edge = receive, edge
        self.size = 0
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        if self._complete:
            return message
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left before its body had arrived")
        more = len(message.get("body", b""))
        self.size += more
        self._complete = not message.get("more_body", False)
        self._edge.arrived(self.size, more)
        return message


class _Answer:
    """Adds the request id to the answer, and counts and logs the answer."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics, log_all: bool) -> None:
        self._scope, self._send, self._metrics = scope, send, metrics
        self._log_all = log_all
        self._start = time.perf_counter()
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [
                *message.get("headers", []),
                (b"x-request-id", self._scope["request_id"].encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            status = message["status"]
            self._metrics.answered(status)
            if self._log_all or status >= 400:
                self._log(status)
        await self._send(message)

    async def refuse(self, error: Exception) -> None:
        body, headers = problem_for(error, self._scope["request_id"])
        payload = orjson.dumps(body)
        headers |= {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(payload))}
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send(
            {"type": "http.response.start", "status": body["status"], "headers": encoded}
        )
        await self._send({"type": "http.response.body", "body": payload})

    def _log(self, status: int) -> None:
        event(
            "request",
            logging.INFO if status < 500 else logging.ERROR,
            method=self._scope["method"],
            path=self._scope["path"][:200],
            status=status,
            milliseconds=round(1e3 * (time.perf_counter() - self._start), 2),
            request_id=self._scope["request_id"],
        )


def _request_id(given: bytes | None) -> str:
    text = given.decode("latin-1") if given else ""
    return text if _REQUEST_ID.fullmatch(text) else os.urandom(16).hex()
