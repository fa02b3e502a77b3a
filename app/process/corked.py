"""A transport that sends the parts of one response as one packet."""

import asyncio
from collections.abc import Callable
from typing import Any


class CorkedTransport:
    """Joins all writes of one turn of the event loop and sends them at its end.

    uvicorn writes the head and the body of a response by themselves, which would be two packets.
    `close` sends what was written and then calls `on_close`, which closes the real transport now or
    later.
    """

    __slots__ = ("_loop", "_on_close", "_parts", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[], None],
    ) -> None:
        self._transport, self._loop, self._on_close = transport, loop, on_close
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Return whether the transport is closed or about to be."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Send what was written, and close."""
        self._flush()
        self._on_close()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            if not self._transport.is_closing():  # else the client has gone
                self._transport.write(b"".join(parts))
