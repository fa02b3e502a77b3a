"""All open connections of one worker: how many there may be, and when each must have moved on.

A timer for each request would cost more than the rest of the connection. So every connection has a
deadline, a number, and one timer looks at all of them every `tick` seconds; a deadline may be
enforced so much later. When the event loop was blocked, what arrived meanwhile has not been read;
the look is put off by one tick.

When there are too many, those that wait longest for a request make room, so that probes are
answered whoever holds connections open; a new one is refused only while all others are at work.
"""

import asyncio
import heapq
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from app.process.unread_answers import UnreadAnswers

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of connections, in seconds and bytes.

    head_timeout: until a request's head is complete. keep_alive: between two requests.
    send_timeout: until a client takes more of an answer. max_head: bytes of a head. unread: bytes
    of all answers that clients have not taken. connections: open at once. tick: between two looks
    at the deadlines.
    """

    head_timeout: float = 10
    keep_alive: float = 75
    send_timeout: float = 30
    max_head: int = 32 * 1024
    unread: int = 256 * 2**20
    connections: int = 4096
    tick: float = 0.5

    @property
    def most(self) -> int:
        """Connections at once, with those that are being refused and may read their answer."""
        return self.connections + max(2, self.connections // 4)


class Timed(Protocol):
    """A connection. `deadline` is on the clock of the event loop."""

    deadline: float

    @property
    def waiting_since(self) -> float:
        """Since when it waits for a request, or for the rest of its head; or `NEVER`."""

    def on_deadline(self, now: float) -> None:
        """Act: the deadline has passed."""

    def end(self) -> None:
        """Close the connection, which waits."""


class OpenConnections:
    """Enforces the limits of one worker's connections.

    `unread` bounds what their clients do not read. `stopping` is set when the worker is to end:
    every answer then has `Connection: close`.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.unread = UnreadAnswers(limits.unread)
        self.stopping = False
        self._open: Collection[Timed] = ()
        self._due = 0.0  # when the timer should run next
        self._ticking = self._late = False
        self._freed = 0  # places of waiting connections that were closed
        self._all_busy_until = 0.0

    def opened(self, all_open: Collection[Timed], loop: asyncio.AbstractEventLoop) -> bool:
        """Note a new connection, which is in `all_open`; return whether there is room for it."""
        now, limit = loop.time(), self.limits.connections
        self._open = all_open
        if not self._ticking:
            self._ticking = True
            self._tick_after(loop, now)
        if len(all_open) <= limit:
            self._freed = 0
            return True
        if not self._freed and now >= self._all_busy_until:
            self._freed = self._close_waiting(now - self.limits.tick, 1 + limit // 32)
            if not self._freed:  # looking again for each refused client would be dear
                self._all_busy_until = now + self.limits.tick
        if not self._freed:
            return False
        self._freed -= 1
        return True

    @property
    def crowded(self) -> bool:
        """Whether even the connections that are being refused are too many."""
        return len(self._open) > self.limits.most

    def _close_waiting(self, since: float, most: int) -> int:
        """Close those that wait longest, and at least since then; return how many."""
        waiting = [each for each in self._open if each.waiting_since <= since]
        chosen = heapq.nsmallest(most, waiting, key=lambda each: each.waiting_since)
        for each in chosen:
            each.end()
        return len(chosen)

    def _tick_after(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self._due = now + self.limits.tick
        loop.call_later(self.limits.tick, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late, self._late = now > self._due + self.limits.tick and not self._late, False
        try:
            if late:  # read first what has arrived; but put off one look only
                self._late = True
            else:
                for connection in [each for each in self._open if each.deadline <= now]:
                    connection.deadline = NEVER
                    connection.on_deadline(now)
        finally:
            self._ticking = bool(self._open)
            if self._ticking:
                self._tick_after(loop, now)
