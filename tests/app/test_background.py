"""No error ends a job, and none is silent."""

import asyncio
import logging

import pytest

from app.background import Job, attempt, in_background, spawn

pytestmark = pytest.mark.anyio
FAILED, AGAIN = "background work failed", "background work succeeds again"
ENDED = "background work ended"


@pytest.fixture
def lines(caplog, monkeypatch):
    """Return the messages of the log so far."""
    monkeypatch.setattr(logging.getLogger("thalamus"), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: [one.getMessage() for one in caplog.records if one.name == "thalamus"]


class Outcomes:
    """Work that fails with each error in turn, and succeeds for None; then it is `done`."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self._outcomes = list(outcomes)
        self.done = asyncio.Event()

    async def __call__(self) -> None:
        if not self._outcomes:
            self.done.set()
        elif (error := self._outcomes.pop(0)) is not None:
            raise error


async def finish(work: Outcomes) -> None:
    async with in_background(Job("save", work, 0)):
        await asyncio.wait_for(work.done.wait(), 20)


async def test_a_failing_job_is_tried_again(lines) -> None:
    await finish(Outcomes(OSError(28, "no space left"), ValueError("once more")))
    assert lines() == [FAILED, FAILED, AGAIN]


async def test_errors_of_one_kind_are_logged_once_until_the_job_works(lines) -> None:
    full, gone = OSError(28, "no space left"), OSError(2, "no such file")
    await finish(Outcomes(full, full, OSError(28, "still none"), gone, gone, None, full))
    assert lines() == [FAILED, FAILED, AGAIN, FAILED, AGAIN]


async def test_the_log_names_the_job_and_the_error(lines, caplog) -> None:
    await finish(Outcomes(OSError(28, "no space left")))
    first, again = (one for one in caplog.records if one.name == "thalamus")
    assert first.fields == {"work": "save", "reason": "[Errno 28] no space left"}
    assert first.exc_info is not None
    assert again.fields == {"work": "save", "failures": 1}


async def test_a_cancelled_future_inside_does_not_end_the_job(lines) -> None:
    """Only whoever runs the job may cancel it."""
    await finish(Outcomes(asyncio.CancelledError(), None))
    assert lines() == [FAILED, AGAIN]


async def test_one_job_does_not_stop_another() -> None:
    other = Outcomes(None, None)

    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async with in_background(Job("hangs", never, 0), Job("works", other, 0)):
        await asyncio.wait_for(other.done.wait(), 20)


async def test_a_task_that_ends_by_itself_is_logged(lines) -> None:
    class Unexpected(BaseException):
        pass

    ended = asyncio.Event()

    async def end() -> None:
        ended.set()
        raise Unexpected

    async with in_background(Job("ends", end, 0)):
        await ended.wait()
        await asyncio.sleep(0.01)
        assert lines() == [ENDED]
    assert lines() == [ENDED]


async def test_an_error_while_stopping_is_logged_and_does_not_escape(lines) -> None:
    started = asyncio.Event()

    async def fail_when_cancelled() -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise OSError(28, "no space left")

    async with in_background(Job("stops badly", fail_when_cancelled, 0)):
        await started.wait()
    await asyncio.sleep(0)
    assert lines() == [FAILED]


async def test_an_attempt_logs_its_error(lines) -> None:
    await attempt("close", Outcomes(OSError(5, "input/output error")))
    await attempt("close", Outcomes(None))
    assert lines() == [FAILED]


async def test_a_spawned_task_is_kept_until_it_is_done() -> None:
    tasks: set[asyncio.Task[None]] = set()
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()

    task = spawn(work(), tasks)
    await asyncio.sleep(0)
    assert tasks == {task}
    go_on.set()
    await task
    await asyncio.sleep(0)
    assert tasks == set()
