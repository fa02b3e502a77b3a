"""Reading a request's body, and noticing that its client has disconnected."""

from starlette.types import Receive

from app.errors import TooSlow
from app.serving.deadline import with_deadline


async def read_body(receive: Receive, seconds: float) -> bytes:
    """Return the whole body; raise `TooSlow` unless it arrives within so many seconds."""

    def late() -> TooSlow:
        return TooSlow(f"the body did not arrive within {seconds:g} s")

    return await with_deadline(_read(receive), seconds, late)


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body  # the usual case: a small body is one message, and needs no copy
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def disconnected(receive: Receive) -> None:
    """Return when the client has closed the connection; read the body before calling this."""
    while (await receive())["type"] != "http.disconnect":
        pass
