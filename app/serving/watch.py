"""Waiting that ends when it has become pointless: too late, or nobody listens any more.

Most answers are there before anybody could have given up. So that they pay nothing, a wait
is left alone for `UNWATCHED` seconds and watched only from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

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
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    watcher: asyncio.Task[None] | None = None
    verdict: ThalamusError | None = None

    async def watch(remaining: float) -> None:
        nonlocal verdict
        try:
            async with asyncio.timeout(remaining):
                await (departure() if departure else loop.create_future())
            verdict = Departed("the client left before the answer")
        except TimeoutError:
            verdict = late()
        task.cancel()

    def begin(unwatched: float) -> None:
        nonlocal watcher
        watcher = loop.create_task(watch(seconds - unwatched))

    timer = loop.call_later(min(UNWATCHED, seconds), begin, min(UNWATCHED, seconds))
    try:
        return await work
    except asyncio.CancelledError:
        if verdict is None:
            raise
        task.uncancel()
        raise verdict from None
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
