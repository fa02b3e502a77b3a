import asyncio

import pytest

from app.errors import ClientDisconnected, TooSlow
from app.serving.deadline import UNWATCHED, watched

pytestmark = pytest.mark.anyio


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return None


async def value() -> int:
    return 3


async def test_what_is_in_time_is_returned() -> None:
    assert await watched(value(), 9, TooSlow, never) == 3
    assert await watched(value(), 9, TooSlow) == 3


@pytest.mark.parametrize("seconds", [0.01, UNWATCHED + 0.03])
async def test_what_is_too_late_is_cancelled(seconds: float) -> None:
    work = asyncio.ensure_future(never())
    with pytest.raises(TooSlow):
        await watched(work, seconds, TooSlow, never)
    assert work.cancelled()


async def test_what_nobody_waits_for_is_cancelled() -> None:
    work = asyncio.ensure_future(never())
    with pytest.raises(ClientDisconnected):
        await watched(work, 9, TooSlow, at_once)
    assert work.cancelled()


async def test_an_error_of_the_work_is_its_own() -> None:
    async def fails() -> None:
        await asyncio.sleep(UNWATCHED + 0.03)
        raise ValueError

    with pytest.raises(ValueError):
        await watched(fails(), 9, TooSlow, never)


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    task = asyncio.create_task(watched(never(), 9, TooSlow, never))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_left_behind() -> None:
    before = len(asyncio.all_tasks())
    with pytest.raises(TooSlow):
        await watched(never(), 0.01, TooSlow, never)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
