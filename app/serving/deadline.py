"""Waiting that ends when it has become pointless: too late, or nobody listens any more.

Most answers are there before anybody could have given up. So that they pay nothing, not even for a
timer, one look every `UNWATCHED` seconds finds those who have waited for longer than that, and
only they are watched.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from app.errors import ClientDisconnected, ThalamusError

UNWATCHED = 0.05

Answer = TypeVar("Answer")
Departure = Callable[[], Awaitable[None]]  # returns when the caller has left


async def watched(
    work: Awaitable[Answer],
    seconds: float,
    late: Callable[[], ThalamusError],
    departure: Departure | None = None,
) -> Answer:
    """Return what `work` gives.

    Cancels it and raises `late()` after so many seconds, `ClientDisconnected` when the
    client leaves.
    """
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(task, seconds, late, departure)
    rounds = _rounds(task.get_loop())
    if seconds < UNWATCHED:
        watch.begin()
    else:
        rounds.add(watch)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.verdict is None:
            raise
        task.uncancel()
        raise watch.verdict from None
    finally:
        rounds.discard(watch)
        watch.end()


class _Rounds:
    """Begins to watch those who still wait when it has passed them once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._later = loop.call_later
        self._fresh: set[_Watch] = set()
        self._passed: set[_Watch] = set()
        self._walking = False

    def add(self, watch: "_Watch") -> None:
        self._fresh.add(watch)
        if not self._walking:
            self._walking = True
            self._later(UNWATCHED, self._walk)

    def discard(self, watch: "_Watch") -> None:
        self._fresh.discard(watch)
        self._passed.discard(watch)

    def _walk(self) -> None:
        for watch in self._passed:
            watch.begin()
        self._passed, self._fresh = self._fresh, set()
        self._walking = bool(self._passed)
        if self._walking:
            self._later(UNWATCHED, self._walk)


_ROUNDS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Rounds] = WeakKeyDictionary()


def _rounds(loop: asyncio.AbstractEventLoop) -> _Rounds:
    found = _ROUNDS.get(loop)
    if found is None:
        found = _ROUNDS[loop] = _Rounds(loop)
    return found


class _Watch:
    """Ends a task's wait, and says why in `verdict`."""

    __slots__ = ("_deadline", "_departure", "_late", "_task", "_watcher", "verdict")

    def __init__(
        self,
        task: asyncio.Task[Any],
        seconds: float,
        late: Callable[[], ThalamusError],
        departure: Departure | None,
    ) -> None:
        self._task, self._late, self._departure = task, late, departure
        self._deadline = task.get_loop().time() + seconds
        self._watcher: asyncio.Task[None] | None = None
        self.verdict: ThalamusError | None = None

    def begin(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    def end(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await (self._departure or _never)()
            self.verdict = ClientDisconnected("the client left before the answer")
        except TimeoutError:
            self.verdict = self._late()
        self._task.cancel()


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
