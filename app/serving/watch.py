"""Waiting that ends when it has become pointless: too late, or nobody listens any more.

Most answers are there before anybody could have given up. So that they pay nothing, a wait
is left alone for `UNWATCHED` seconds and watched only from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from app.errors import Departed, ThalamusError

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

    Cancels it and raises `late()` after so many seconds, `Departed` when the caller leaves.
    """
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(task, seconds, late, departure)
    timer = task.get_loop().call_later(min(UNWATCHED, seconds), watch.begin)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.verdict is None:
            raise
        task.uncancel()
        raise watch.verdict from None
    finally:
        timer.cancel()
        watch.end()


class _Watch:
    """Ends a task's wait, and says why in `verdict`."""

    __slots__ = ("_departure", "_late", "_seconds", "_task", "_watcher", "verdict")

    def __init__(
        self,
        task: asyncio.Task[Any],
        seconds: float,
        late: Callable[[], ThalamusError],
        departure: Departure | None,
    ) -> None:
        self._task, self._seconds, self._late, self._departure = task, seconds, late, departure
        self._watcher: asyncio.Task[None] | None = None
        self.verdict: ThalamusError | None = None

    def begin(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    def end(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._seconds - UNWATCHED)):
                await (self._departure or _never)()
            self.verdict = Departed("the client left before the answer")
        except TimeoutError:
            self.verdict = self._late()
        self._task.cancel()


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
