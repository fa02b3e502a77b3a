"""A request's body, whole: as it arrives, or not at all."""

from starlette.types import Receive

from app.errors import TooSlow
from app.serving.deadline import with_deadline


async def read_body(receive: Receive, seconds: float) -> bytes:
    """Return the body; raise `TooSlow` unless it arrives within so many seconds."""

    def late() -> TooSlow:
        return TooSlow(f"the body did not arrive within {seconds:g} s")

    return await with_deadline(_read(receive), seconds, late)


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body  # small bodies come with their head: nothing is copied
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def disconnected(receive: Receive) -> None:
    """Return when the client has closed the connection; its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
