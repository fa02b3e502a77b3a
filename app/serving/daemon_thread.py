"""Slow work in a daemon thread of its own.

A thread of the event loop's pool is joined when the loop closes: one that waits for a disk that
never answers would keep the process from ending. A daemon thread does not.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")


async def in_daemon_thread(
    function: Callable[_Parameters, _Returned],
    *arguments: _Parameters.args,
    **options: _Parameters.kwargs,
) -> _Returned:
    """Return what `function` returns, and raise what it raises; when cancelled, let it run on."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Returned] = loop.create_future()
    work = partial(function, *arguments, **options)
    Thread(target=_run, args=([work], loop, future), name="loading", daemon=True).start()
    del work, arguments, options
    try:
        return await future
    finally:  # an error's traceback refers to this frame, and must not keep itself alive
        del future


def _run(
    works: list[Callable[[], Any]], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
) -> None:
    try:
        # Removed, so that nothing here keeps what it refers to when the caller goes on.
        settle: Callable[..., None] = _succeed
        outcome: Any = works.pop()()
    except BaseException as error:
        settle, outcome = _fail, error
    with suppress(RuntimeError):  # the loop has been closed meanwhile
        loop.call_soon_threadsafe(settle, future, outcome)
    del future, outcome  # this frame too is in an error's traceback


def _succeed(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
