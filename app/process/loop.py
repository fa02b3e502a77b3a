"""A loop around a selector, with timers, for a process that must not wait for any one thing."""

import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable

Action = Callable[[], None]


class Loop:
    """Runs an action when a socket can be read, or when its time on the monotonic clock has come.

    (asyncio's loop would be in the way of a fork: the child inherits it as the running one.)
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def watch(self, source: socket.socket, action: Action) -> None:
        """Run `action` whenever `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, action)

    def unwatch(self, source: socket.socket) -> None:
        """Forget `source`; call it before it is closed. Nothing happens if it is not watched."""
        if source.fileno() in self._selector.get_map():
            self._selector.unregister(source)

    def after(self, seconds: float, action: Action) -> None:
        """Run `action` once; what is due at the same time runs in the order of these calls."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), action))

    def turn(self) -> None:
        """Wait for sockets and timers; run the actions of those that arrived, then of the due."""
        wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, _ in self._selector.select(wait):
            if self._selector.get_map().get(key.fd) is key:  # not forgotten by another action
                key.data()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        """Forget all sockets; they stay open."""
        self._selector.close()
