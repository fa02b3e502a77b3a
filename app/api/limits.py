"""The outermost layer, pure ASGI: request id, admission, body size and receive deadline.

Everything that can be refused is refused before a byte of the body is read. The body is
counted as it arrives, whatever Content-Length says. (`BaseHTTPMiddleware` is avoided: it
hides a client's departure.)
"""

import asyncio
import logging
import re
import time
import uuid

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import MEDIA_TYPE, problem_for
from app.errors import Departed, Overloaded, TooLarge, TooSlow
from app.telemetry import Metrics, event

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Limits:
    """Wraps an ASGI app; answers what is over a limit with a problem."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, max_body: int, max_requests: int, timeout: float
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body = max_body
        self._max_requests = max_requests
        self._timeout = timeout
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event; only HTTP requests are limited."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        scope["request_id"] = _request_id(headers.get(b"x-request-id", b""))
        answer = _Answer(scope, send, self._metrics)
        counted = scope["method"] == "POST"  # probes are answered even when all is full
        try:
            if counted:
                self._admit(headers)
            self._in_flight += counted
            try:
                await self._app(scope, self._bounded(receive), answer.send)
            finally:
                self._in_flight -= counted
        except Exception as error:  # what no handler expected is answered, counted and logged too
            if answer.started:
                raise
            await answer.refuse(error)
        return None

    def _admit(self, headers: dict[bytes, bytes]) -> None:
        if self._in_flight >= self._max_requests:
            raise Overloaded("too many requests are in flight; try again later")
        declared = headers.get(b"content-length", b"0").lstrip(b"0")
        digits = len(str(self._max_body))
        if declared.isdigit() and int(declared[: digits + 1]) > self._max_body:
            raise TooLarge(f"expected a body of at most {self._max_body} bytes, got more")

    def _bounded(self, receive: Receive) -> Receive:
        received = 0
        expires = time.monotonic() + self._timeout
        complete = False

        async def bounded() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout(max(expires - time.monotonic(), 0)):
                    message = await receive()
            except TimeoutError:
                raise TooSlow(f"the body did not arrive within {self._timeout:g} s") from None
            if message["type"] == "http.disconnect":
                raise Departed("the client left before its body had arrived")
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self._max_body:
                raise TooLarge(f"expected a body of at most {self._max_body} bytes, got more")
            return message

        return bounded


class _Answer:
    """Adds the request id to the answer, counts and logs it."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self._scope, self._send, self._metrics = scope, send, metrics
        self._begun = time.perf_counter()
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            request_id = self._scope["request_id"]
            message["headers"] = [
                *message.get("headers", []),
                (b"x-request-id", request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            self._metrics.answered(message["status"])
            event(
                "request",
                logging.INFO if message["status"] < 500 else logging.ERROR,
                method=self._scope["method"],
                path=self._scope["path"][:200],
                status=message["status"],
                milliseconds=round(1e3 * (time.perf_counter() - self._begun), 2),
                request_id=request_id,
            )
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


def _request_id(given: bytes) -> str:
    text = given.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else uuid.uuid4().hex
