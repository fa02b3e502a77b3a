"""A request that offers another protocol (`Upgrade`), which this service does not speak.

RFC 9110, 7.8: a server may ignore the offer, and answers the request as if it had not been made.
The parser stops after the head of such a request and takes its body for the other protocol. So a
new parser reads on: it is given a head with the same framing, of which the connection hears
nothing.
"""

from collections.abc import Callable
from typing import Any

import httptools


def read_on_after_upgrade(connection: Any) -> None:
    """Give the connection a parser for what follows the head of its newest request.

    connection: uvicorn's, with the callbacks of httptools.
    """
    fields = connection.cycle.scope["headers"]
    framing = [f for f in fields if f[0] in (b"content-length", b"transfer-encoding")]
    after = _AfterHead(connection)
    connection.parser = httptools.HttpRequestParser(after)
    head = b"".join(b"%s: %s\r\n" % field for field in framing)
    connection.parser.feed_data(b"POST / HTTP/1.1\r\n" + head + b"\r\n")
    after.is_muted = False
    if not after.is_complete:  # it has a body, of which the first parser has said that it is over
        connection.cycle.more_body = True
        connection.cycle.message_event.clear()


class _AfterHead:
    """Passes on the callbacks of a parser once it is no longer muted.

    is_complete: whether the message ended while it was muted.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.is_muted, self.is_complete = True, False

    def __getattr__(self, name: str) -> Callable[..., None]:
        callback = getattr(self._connection, name)

        def unless_muted(*arguments: Any) -> None:
            if not self.is_muted:
                callback(*arguments)

        return unless_muted

    def on_message_complete(self) -> None:
        if self.is_muted:
            self.is_complete = True
        else:
            self._connection.on_message_complete()
