"""Which pages of other origins may ask (CORS, `THALAMUS_CORS_ORIGINS`; Fetch, 3.2).

A browser sends a page's requests, and lets it read an answer only if the answer allows its origin.
`CrossOrigin` stands around everything, so that a page can read errors too. Before most requests a
browser asks, without a key, whether it may send them: `Preflights` answers that inside `Edge`,
which counts and logs it, and before keys are asked for. (Starlette's middleware would answer before
everything, what is no request included, and refuse in plain text.)

Credentials, which a browser would add by itself, are never allowed: keys are header fields that
a page must set. A page of any origin can still send what a form can send; the browser only keeps
the answer from it.
"""

from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ForeignOrigin
from app.hosts import ANY_ORIGIN

_METHODS = b"DELETE, GET, HEAD, POST, PUT"
_FIELDS = b"Authorization, Content-Encoding, Content-Type, X-API-Key, X-Request-Id"
_EXPOSED = b"Retry-After, Server-Timing, X-Model-Name, X-Model-Version, X-Request-Id"
_ASKS_FOR = b"access-control-request-method"  # a preflight has it, and no other request
_KEPT = b"600"  # seconds for which a browser need not ask again

_Headers = list[tuple[bytes, bytes]]


class _Origins:
    """The origins whose pages may ask."""

    def __init__(self, origins: Collection[str]) -> None:
        self.any = ANY_ORIGIN in origins
        self._listed = {origin.encode() for origin in origins}

    def allowed(self, headers: dict[bytes, bytes]) -> bytes | None:
        """Return what allows the origin of a request; None if it has none, or another."""
        origin = headers.get(b"origin")
        if self.any:
            return origin and ANY_ORIGIN.encode()
        return origin if origin in self._listed else None


class CrossOrigin:
    """Lets pages of these origins read every answer. origins: whole ones, or `ANY_ORIGIN`."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, _Origins(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        added = self._headers(dict(scope["headers"]))

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        return await self._app(scope, receive, send_readable)

    def _headers(self, headers: dict[bytes, bytes]) -> _Headers:
        # For caches: also an answer that allows nothing is another one for a listed origin.
        added = [] if self._origins.any else [(b"vary", b"Origin")]
        if (allowed := self._origins.allowed(headers)) is not None:
            added.append((b"access-control-allow-origin", allowed))
            added.append((b"access-control-expose-headers", _EXPOSED))
        return added


class Preflights:
    """Answers what a browser asks before a page's request; `CrossOrigin` names the origin."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, _Origins(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; raise `ForeignOrigin`."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = dict(scope["headers"])
            if b"origin" in headers and _ASKS_FOR in headers:
                return await self._answer(headers, send)
        return await self._app(scope, receive, send)

    async def _answer(self, headers: dict[bytes, bytes], send: Send) -> None:
        if self._origins.allowed(headers) is None:
            raise ForeignOrigin(
                "expected a page of an origin that may ask, got another; the operator lists them "
                "in THALAMUS_CORS_ORIGINS"
            )
        start: dict[str, Any] = {"type": "http.response.start", "status": 204}
        start["headers"] = [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _FIELDS),
            (b"access-control-max-age", _KEPT),
        ]
        await send(start)
        await send({"type": "http.response.body", "body": b""})
