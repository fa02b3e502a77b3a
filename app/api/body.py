"""Reading a request's body, and noticing that its client has disconnected.

Almost every body is there before it is read. So reading starts without a deadline, which would cost
5 µs, and gets one where it has to wait.
"""

import types
from collections.abc import Coroutine, Generator
from typing import Any

from starlette.types import Receive

from app.errors import TooSlow
from app.serving.deadline import with_deadline


async def read_body(receive: Receive, seconds: float) -> bytes:
    """Return the whole body; raise `TooSlow` unless it arrives within so many seconds."""

    def late() -> TooSlow:
        return TooSlow(f"the body did not arrive within {seconds:g} s")

    reading = _read(receive)
    try:
        waits_for = reading.send(None)
    except StopIteration as complete:  # the usual case: all of it was there, and nothing waited
        body: bytes = complete.value
        return body
    return await with_deadline(_resumed(reading, waits_for), seconds, late)


@types.coroutine
def _resumed(work: Coroutine[Any, None, bytes], waits_for: Any) -> Generator[Any, None, bytes]:
    """Await the rest of a coroutine that was started by `send` and waits for `waits_for`."""
    try:
        while True:
            try:
                yield waits_for
            except BaseException as error:  # a cancellation
                waits_for = work.throw(error)
            else:
                waits_for = work.send(None)
    except StopIteration as complete:
        body: bytes = complete.value
        return body


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
