"""What clients do not read of their answers is bounded, however many there are."""

import asyncio

import pytest

from app.process.unread_answers import UnreadAnswers
from tests.app.process.connections import CLOSE, GET, serving

SIZE = 8_000_000  # more than the kernel's buffers hold


class Client:
    """A client that leaves an answer unread."""

    def __init__(self, untaken: int) -> None:
        self.untaken, self.ended = untaken, False

    def reset(self) -> None:
        self.untaken, self.ended = 0, True


def ended(clients: list[Client]) -> list[bool]:
    return [client.ended for client in clients]


def test_those_that_take_longest_make_room() -> None:
    unread, clients = UnreadAnswers(100), [Client(40) for _ in range(4)]
    for client in clients:
        unread.started(client)
    assert ended(clients) == [True, True, False, False]


def test_who_has_read_meanwhile_is_spared() -> None:
    unread, clients = UnreadAnswers(100), [Client(60), Client(40)]
    for client in clients:
        unread.started(client)
    clients[0].untaken = 0
    another = Client(60)
    unread.started(another)
    assert ended([*clients, another]) == [False, False, False]


def test_who_has_gone_on_reading_waits_as_if_new() -> None:
    unread, clients = UnreadAnswers(100), [Client(45), Client(45)]
    for client in (*clients, clients[0]):
        unread.started(client)
    unread.started(Client(45))
    assert ended(clients) == [False, True]


def test_a_single_large_answer_is_sent() -> None:
    unread, client = UnreadAnswers(100), Client(500)
    unread.started(client)
    assert not client.ended


def test_it_remembers_nobody_who_has_gone() -> None:
    unread = UnreadAnswers(10**9)
    for _ in range(100):
        unread.started(Client(1))
    assert len(unread) <= 1


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_crowd_that_reads_nothing_costs_no_more_than_the_limit() -> None:
    async with serving(unread=3 * SIZE) as served:
        request = GET.replace(b"/ ", b"/?%d " % SIZE) + b"\r\n"
        silent = [served.client() for _ in range(10)]
        for place, client in enumerate(silent):
            await client.send(request)
            await served.until(lambda place=place: len(served.scopes) == place + 1)
        await served.until(lambda: len(served.state.connections) <= 4)
        with pytest.raises(ConnectionResetError):
            await silent[0].everything()
        reading = served.client()
        await reading.send(request.replace(b"\r\n\r\n", b"\r\n" + CLOSE))
        assert len(await reading.everything()) > SIZE
        async with asyncio.timeout(20):
            assert len((await silent[-1].answer()).body) == SIZE
