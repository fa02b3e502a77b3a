"""Reading a body that is there, one that arrives in pieces, and one that does not arrive."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message

from app.api.body import read_body
from app.errors import ClientDisconnected, TooSlow

Step = Callable[[], Awaitable[None]]


class Client:
    """Sends `parts`; before each, it awaits `before`."""

    def __init__(self, parts: list[bytes], before: Step) -> None:
        self._parts, self._before = parts, before
        self.cancelled = False

    async def receive(self) -> Message:
        try:
            await self._before()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        body = self._parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._parts)}


async def at_once() -> None:
    pass


async def in_a_while() -> None:
    await asyncio.sleep(0.01)


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("before", [at_once, in_a_while])
@pytest.mark.parametrize("parts", [[b""], [b"whole"], [b"in ", b"three", b" parts"]])
def test_the_body_is_all_that_arrives(before: Step, parts: list[bytes]) -> None:
    assert asyncio.run(read_body(Client(list(parts), before).receive, 5)) == b"".join(parts)


def test_a_body_that_is_there_waits_for_nothing() -> None:
    reading = read_body(Client([b"one", b"two"], at_once).receive, 5)
    with pytest.raises(StopIteration) as complete:
        reading.send(None)
    assert complete.value.value == b"onetwo"


def test_a_body_that_does_not_arrive_is_too_slow() -> None:
    client = Client([b"never"], never)
    with pytest.raises(TooSlow, match=r"within 0\.02 s"):
        asyncio.run(read_body(client.receive, 0.02))
    assert client.cancelled


def test_a_second_part_that_does_not_arrive_is_too_slow() -> None:
    steps = iter([at_once, in_a_while, never])
    client = Client([b"1", b"2", b"3"], lambda: next(steps)())
    with pytest.raises(TooSlow):
        asyncio.run(read_body(client.receive, 0.1))
    assert client.cancelled


@pytest.mark.parametrize("first", [at_once, in_a_while])
def test_an_error_while_a_body_arrives_is_raised(first: Step) -> None:
    async def leave() -> None:
        raise ClientDisconnected("gone")

    steps = iter([first, leave])
    with pytest.raises(ClientDisconnected, match="gone"):
        asyncio.run(read_body(Client([b"1", b"2"], lambda: next(steps)()).receive, 5))


def test_cancelling_the_reader_cancels_the_waiting() -> None:
    client = Client([b"never"], never)

    async def cancelled() -> None:
        reading = asyncio.create_task(read_body(client.receive, 5))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancelled())
    assert client.cancelled
