import asyncio

import pytest

from app.errors import ClientDisconnected, TooSlow
from app.serving.deadline import TICK, with_deadline

pytestmark = pytest.mark.anyio


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return None


async def value() -> int:
    return 3


async def test_a_result_in_time_is_returned() -> None:
    assert await with_deadline(value(), 9, TooSlow, never) == 3
    assert await with_deadline(value(), 9, TooSlow) == 3


@pytest.mark.parametrize("seconds", [0.01, TICK + 0.03])
async def test_work_past_its_deadline_is_cancelled(seconds: float) -> None:
    work = asyncio.ensure_future(never())
    with pytest.raises(TooSlow):
        await with_deadline(work, seconds, TooSlow, never)
    assert work.cancelled()


async def test_work_is_cancelled_when_the_client_disconnects() -> None:
    work = asyncio.ensure_future(never())
    with pytest.raises(ClientDisconnected):
        await with_deadline(work, 9, TooSlow, at_once)
    assert work.cancelled()


async def test_an_error_of_the_work_is_raised() -> None:
    async def fails() -> None:
        await asyncio.sleep(TICK + 0.03)
        raise ValueError

    with pytest.raises(ValueError):
        await with_deadline(fails(), 9, TooSlow, never)


async def test_cancellation_from_outside_stays_a_cancellation() -> None:
    task = asyncio.create_task(with_deadline(never(), 9, TooSlow, never))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_task_is_left_behind() -> None:
    before = len(asyncio.all_tasks())
    with pytest.raises(TooSlow):
        await with_deadline(never(), 0.01, TooSlow, never)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
