"""Waiting for work until a deadline, and until the client disconnects.

Almost every answer is ready within a few milliseconds. For each of them an `asyncio.timeout` would
cost 27 µs, and a task that waits for the disconnect another 35 µs (uvloop; this module costs 9 µs).
So all requests of an event loop share a coarse timer wheel. It ticks every `TICK` seconds, and a
request gets a timeout and a task only if it still waits after one turn of two ticks. The price: a
disconnect within the first `TICK` seconds, or up to twice that, is not noticed, and its answer is
computed and dropped. A deadline shorter than `TICK` is watched from the start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from app.errors import ClientDisconnected, ThalamusError

TICK = 0.05  # seconds

Value = TypeVar("Value")
WaitForDisconnect = Callable[[], Awaitable[None]]  # returns when the client has disconnected


async def with_deadline(
    work: Awaitable[Value],
    seconds: float,
    late: Callable[[], ThalamusError],
    wait_for_disconnect: WaitForDisconnect | None = None,
) -> Value:
    """Return the result of `work`, unless the deadline or a disconnect comes first.

    Then it cancels `work` and raises `late()` after so many seconds, or `ClientDisconnected` when
    the client disconnects.
    """
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(task, seconds, late, wait_for_disconnect)
    wheel = _wheel_of(task.get_loop())
    if seconds < TICK:
        watch.start()
    else:
        wheel.add(watch)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.error is None:  # another task has cancelled this one
            raise
        task.uncancel()
        raise watch.error from None
    finally:
        wheel.discard(watch)
        watch.stop()


class _TimerWheel:
    """A timer wheel of two slots: starts every watch that is not removed within one turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_later = loop.call_later
        self._new: set[_Watch] = set()  # added since the last tick
        self._waiting: set[_Watch] = set()  # started at the next tick
        self._turning = False

    def add(self, watch: "_Watch") -> None:
        self._new.add(watch)
        if not self._turning:
            self._turning = True
            self._call_later(TICK, self._tick)

    def discard(self, watch: "_Watch") -> None:
        self._new.discard(watch)
        self._waiting.discard(watch)

    def _tick(self) -> None:
        for watch in self._waiting:
            watch.start()
        self._waiting, self._new = self._new, set()
        self._turning = bool(self._waiting)
        if self._turning:
            self._call_later(TICK, self._tick)


_WHEELS: WeakKeyDictionary[asyncio.AbstractEventLoop, _TimerWheel] = WeakKeyDictionary()


def _wheel_of(loop: asyncio.AbstractEventLoop) -> _TimerWheel:
    wheel = _WHEELS.get(loop)
    if wheel is None:
        wheel = _WHEELS[loop] = _TimerWheel(loop)
    return wheel


class _Watch:
    """Cancels a task at its deadline or when its client disconnects; `error` says which."""

    __slots__ = ("_deadline", "_late", "_task", "_wait_for_disconnect", "_watcher", "error")

    def __init__(
        self,
        task: asyncio.Task[Any],
        seconds: float,
        late: Callable[[], ThalamusError],
        wait_for_disconnect: WaitForDisconnect | None,
    ) -> None:
        self._task, self._late, self._wait_for_disconnect = task, late, wait_for_disconnect
        self._deadline = task.get_loop().time() + seconds
        self._watcher: asyncio.Task[None] | None = None
        self.error: ThalamusError | None = None

    def start(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await (self._wait_for_disconnect or _never)()
            self.error = ClientDisconnected("the client disconnected before the answer")
        except TimeoutError:
            self.error = self._late()
        self._task.cancel()


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
