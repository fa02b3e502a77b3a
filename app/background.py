"""Work in the background, which no error ends and no error leaves silently.

A `Job` is run again and again while the service is up. When it fails, the log says so, and the job
is tried again after its pause. The log has the first of several failures of one kind, with its
traceback, and a line when the job works again. `attempt` does the same for work that is done once,
such as a step of closing. `spawn` starts a task that looks after its own errors.

Limits: a job that never returns is not noticed here, and one that blocks the event loop blocks it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.telemetry import event, failure


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is repeated. name: for the log. pause: seconds between two runs."""

    name: str
    run: Callable[[], Awaitable[None]]
    pause: float


@asynccontextmanager
async def in_background(*jobs: Job) -> AsyncIterator[None]:
    """Repeat the jobs until the context ends, which no error of theirs keeps from ending."""
    tasks = [asyncio.create_task(_repeat(job), name=job.name) for job in jobs]
    for task in tasks:
        task.add_done_callback(_report_end)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def spawn(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
    """Start a task and keep it in `tasks` until it is done: the event loop has no reference to it.

    An error of its work is the work's own affair: nothing here logs it.
    """
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def attempt(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Do something once; log an error instead of raising it."""
    try:
        await run()
    except Exception as error:
        _report(name, error)


async def _repeat(job: Job) -> None:
    failures, latest = 0, None
    task = asyncio.current_task()
    assert task is not None
    while True:
        try:
            await job.run()
        except (Exception, asyncio.CancelledError) as error:
            if task.cancelling():
                raise
            failures, before, latest = failures + 1, latest, _kind(error)
            if latest != before:
                _report(job.name, error)
        else:
            if failures:
                event("background work succeeds again", work=job.name, failures=failures)
            failures, latest = 0, None
        await asyncio.sleep(job.pause)


def _kind(error: BaseException) -> tuple[str, int | None]:
    """Return what errors have in common that need one line in the log: not their texts."""
    return type(error).__qualname__, getattr(error, "errno", None)


def _report(name: str, error: BaseException) -> None:
    reason = str(error) or type(error).__name__
    failure("background work failed", error, work=name, reason=reason)


def _report_end(task: asyncio.Task[None]) -> None:
    """Log the end of a task, unless it was cancelled and has obeyed."""
    if task.cancelled():
        return
    message = "background work failed" if task.cancelling() else "background work ended"
    failure(message, task.exception(), work=task.get_name())
