"""uvicorn's HTTP connection, bounded in time and bytes.

Times: a head must be complete `head_timeout` seconds after its first byte, or after the connection
was made; `keep_alive` seconds may pass between two requests; a client must read 64 KiB of its
answer in `send_timeout` seconds. Bytes: of the head, of what stands between the chunks of a body,
and of the rest of a body that was answered early. (`app.api` bounds the body itself,
`OpenConnections` the number of connections.)

After a refusal nothing more is parsed, but what the client still sends is discarded for `LINGER`
seconds: closing at once would reset the connection, and with it the answer.

`tests/app/process/test_uvicorn_internals.py` tests the internals of uvicorn's class that it uses.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.edge import REFUSED
from app.errors import HeadTooLarge, ThalamusError, TooManyConnections, TooSlow
from app.process.corked import CorkedTransport
from app.process.open_connections import NEVER, OpenConnections
from app.process.reader import Reader
from app.process.refusal import reason_of, refused_request
from app.process.request_head import check_head, check_size, over_limit
from app.process.upgrade import read_on_after_upgrade

LINGER = 2.0  # seconds in which the rest of a refused request is discarded
LINGER_BYTES = 2 * 2**20  # of such a rest
MAX_PIPELINED = 100  # requests that wait for the answers to earlier ones
_MAX_FRAMING = 64 * 2**10  # bytes of chunk sizes, extensions and trailers without data


class Connection(HttpToolsProtocol):
    """Sends head and body together, and calls `on_close` when the connection is closed."""

    on_close: Callable[[], None] | None = None
    scope: Any  # None before the first request, which uvicorn does not say
    cycle: Any
    transport: Any  # a `CorkedTransport`

    def __init__(
        self,
        open_connections: OpenConnections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.deadline = NEVER
        self._shared, self._limits = open_connections, open_connections.limits
        self._deaf = False  # whether what arrives is discarded
        self._closing = self._lingering = False
        self.url = b""  # of the request that is being read
        self._host = b""  # the latest valid one
        self._received = 0  # bytes that the parser is being given
        self._head = 0  # bytes of an incomplete head, as far as they are known
        self._framing = 0  # bytes of a body since its latest data
        self._discarded = 0  # bytes since an early answer
        self._waiting_since = 0.0  # on the clock of the event loop
        self._looked = False  # whether the client was seen to have read its latest answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection; uvicorn's flow control keeps the real transport."""
        super().connection_made(transport)
        self.transport = CorkedTransport(transport, self.loop, self._close)
        self._real, self._reader = transport, Reader(transport, self._shared.unread)
        self._waiting_since = self.loop.time()
        self.deadline = self._waiting_since + self._limits.head_timeout
        if not self._shared.opened(self.connections, self.loop):  # type: ignore[arg-type]
            self._refuse(TooManyConnections("too many connections are open; try again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._closing = True
        super().connection_lost(exc)
        if self.on_close is not None:
            self.on_close()

    def _close(self) -> None:
        """Close what is flushed, but let a client that is still sending read its answer first."""
        sending = self._deaf or (self.cycle is not None and self.cycle.more_body)
        self._reader.start()
        if sending and not (self._closing or self._shared.crowded):
            self._deaf = self._closing = self._lingering = True
            self.deadline = self.loop.time() + LINGER
            if self._discarded <= LINGER_BYTES:
                self.flow.resume_reading()
            self._real.write_eof()
        else:
            self._closing, self._lingering = True, False
            self.deadline = self.loop.time() + self._limits.send_timeout
            self._real.close()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived; answer what is no request."""
        if self._deaf:
            self._discard(len(data))
            return
        before, cycle = self.scope, self.cycle
        body_goes_on = cycle is not None and cycle.more_body
        if body_goes_on:
            self._framing += len(data)
            if cycle.response_complete and self._discard(len(data)):
                return
        self._received = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # it is not made
            read_on_after_upgrade(self)
            if (rest := data[upgrade.args[0] :]) and not self._deaf:
                self.data_received(rest)
                return
        except httptools.HttpParserError as error:
            if not self._deaf:
                self._refuse(reason_of(error), b"" if self.cycle or self._head else data)
            return
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            self._head_goes_on(len(data), self.scope is not before)
        elif body_goes_on and self._framing > _MAX_FRAMING:
            self._refuse(HeadTooLarge("the chunks or the trailers of the body hold too much else"))

    def _should_upgrade(self) -> bool:
        """Say that no other protocol is spoken here."""
        return False

    def _head_goes_on(self, size: int, began: bool) -> None:
        later = began and self.cycle is not None
        # Where a head began after another request, its place in the data is not known.
        self._head = 0 if later else self._head + size
        if later and not self.answering:
            self.deadline = self.loop.time() + self._limits.head_timeout
        if error := over_limit(self.url, self._head, self._limits.max_head):
            self._refuse(error)

    def on_headers_complete(self) -> None:
        """Start the application, or queue the request; raise a `ClientError` for a bad head."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._deaf, self.cycle.keep_alive = True, False
            raise HeadTooLarge  # stops the parser; the last request that waits is the last one
        size = self._head + self._received  # perhaps with bytes of other requests or of the body
        check_size(self.url, self.headers, size, self._limits.max_head)
        self._host = check_head(self.parser.get_http_version(), self.headers, self._host)
        super().on_headers_complete()
        self.headers = []  # trailers are no header fields
        self._head = self._framing = self._discarded = 0
        self.deadline = NEVER
        if self._shared.stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body for the application, unless it has answered already."""
        self._framing = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Note the end of a body."""
        cycle = self.cycle
        cycle.more_body = False
        if cycle.response_complete:
            self._wait_for_request()
        else:
            cycle.message_event.set()

    def _discard(self, size: int) -> bool:
        """Count what was answered before it arrived; return whether that was too much of it."""
        self._discarded += size
        if self._discarded <= LINGER_BYTES:
            return False
        self._deaf = True
        self.flow.pause_reading()  # until the deadline: closing now would reset the answer
        if not self.answering and not self._closing:
            self.transport.close()
        return True

    @property
    def answering(self) -> bool:
        """Whether it has a request whose answer is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Start the next request that waits, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self.flow.resume_reading()
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._deaf:
            self.flow.resume_reading()
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        """Set the deadline for the rest of a body, for a head that has begun, or for the next."""
        self._waiting_since = self.loop.time()
        if self.cycle.more_body:  # answered before it had arrived
            if self.expect_100_continue:  # and nobody can tell whether it will
                self.transport.close()
                return
            seconds = LINGER
        elif self.cycle.scope is not self.scope:
            seconds = self._limits.head_timeout
        else:
            self._looked = False
            seconds = min(self._limits.keep_alive, self._limits.send_timeout)
        if not self.flow.write_paused:  # otherwise the client must read first
            self.deadline = self._waiting_since + seconds

    def _refuse(self, error: ThalamusError, first: bytes = b"") -> None:
        """Answer what is no request, after the answers to earlier ones, and read no further."""
        self._deaf, self._discarded = True, 0
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:  # the head was refused
            waits, self.cycle = self.answering, refused_request(self, error, first)
            self.scope, self.deadline = self.cycle.scope, NEVER
            if waits:
                self.pipeline.appendleft((self.cycle, self.app))
            else:
                self._start_asgi_task(self.cycle, self.app)
        elif cycle.response_complete:
            self.transport.close()
        else:  # the body was refused, and the application waits for it
            cycle.scope["state"][REFUSED] = error
            cycle.keep_alive = False
            cycle.message_event.set()

    def pause_writing(self) -> None:
        """Stop writing, because the client does not read, until it does or the deadline passes."""
        super().pause_writing()
        self._reader.start()
        self.deadline = self.loop.time() + self._limits.send_timeout

    def resume_writing(self) -> None:
        """Write on: the client has read."""
        super().resume_writing()
        if self._closing:
            self.deadline = self.loop.time() + self._limits.send_timeout
        elif self.answering:
            self.deadline = NEVER
        else:
            self._wait_for_request()

    @property
    def waiting_since(self) -> float:
        """Since when it waits for a request, or for the rest of its head; or `NEVER`."""
        if self._deaf or self._closing or self.flow.write_paused:
            return NEVER
        cycle = self.cycle
        waiting = cycle is None or (cycle.response_complete and not cycle.more_body)
        return self._waiting_since if waiting else NEVER

    @property
    def _in_head(self) -> bool:
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def on_deadline(self, now: float) -> None:
        """Close the connection, or answer half a head with a problem."""
        if self._lingering:
            self._real.abort()
        elif self._closing or self.flow.write_paused:
            if self._reader.progressed() and self._real.get_write_buffer_size():
                self.deadline = now + self._limits.send_timeout
            else:
                self._reader.reset()
        elif self._in_head:
            seconds = self._limits.head_timeout
            self._refuse(TooSlow(f"the head of the request did not arrive within {seconds:g} s"))
        elif self.waiting_since < NEVER:
            self._end_if_long_idle(now)
        else:  # the rest of a body that was answered
            self.end()

    def _end_if_long_idle(self, now: float) -> None:
        """Close after `keep_alive` seconds, or at once if the client has not read its answer."""
        rest = self._limits.keep_alive - self._limits.send_timeout
        if not self._reader.has_taken_all():
            self._reader.reset()
        elif self.cycle is None or self._looked or rest <= 0:
            self.end()
        else:
            self._looked, self.deadline = True, now + rest

    def end(self) -> None:
        """Close without an answer; what was written before is still sent."""
        self._closing = True  # not to linger
        self.transport.close()
