"""What the clients of one worker have not taken yet of their answers: at most so many bytes.

An answer is in this process until its client takes it. One client may take it slowly
(`ConnectionLimits.send_timeout`); of many that take a little now and then, the answers would add
up to more than the machine has. Where they do, the connections of those that take longest are
reset. The latest answer is always sent, however large it is.
"""

import logging
from typing import Protocol
from weakref import WeakKeyDictionary

from app.telemetry import event


class Unread(Protocol):
    """A client with an answer that it is to take."""

    @property
    def untaken(self) -> int:
        """Bytes that it has not taken yet."""

    def reset(self) -> None:
        """Drop the answer and the connection."""


class UnreadAnswers:
    """Bounds the sum. most: bytes, of all clients that were given to `started` and still exist."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._clients: WeakKeyDictionary[Unread, None] = WeakKeyDictionary()  # latest last
        self._sum = 0  # bytes, as they were at the beginnings: an upper bound

    def __len__(self) -> int:
        return len(self._clients)

    def started(self, client: Unread) -> None:
        """Note that a client does not take its answer at once, or has taken some and stopped."""
        self._clients.pop(client, None)
        self._clients[client] = None
        self._sum += client.untaken
        if self._sum > self._most:
            self._make_room()

    def _make_room(self) -> None:
        *others, latest = [(client, client.untaken) for client in self._clients]
        self._sum = latest[1] + sum(size for _, size in others)
        dropped = 0
        for client, size in others:
            if not size:
                del self._clients[client]
            elif self._sum > self._most:
                del self._clients[client]
                client.reset()
                self._sum -= size
                dropped += 1
        if dropped:
            event("clients do not read their answers", logging.WARNING, connections=dropped)
